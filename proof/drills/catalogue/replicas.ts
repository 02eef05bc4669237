import { BRIEFLY_AWAY, nothing, statuses, type Drill, type Scene } from "../drill.ts";
import { succeeded } from "../verdict.ts";
import { readLog, type LogLine } from "../system.ts";
import type { DrillSystem } from "../system.ts";
import { everythingHeard } from "../verdict.ts";

const REPLICAS = 3;
const SERVICES = ["product-service", "order-service"] as const;
const BETWEEN_MS = 1_500;
const IN_FLIGHT_MS = 1_000;
const AWAY_MS = 5_000;

const promise = "An instance that goes costs the requests that are in flight on it, and no more.";

const logSince = (system: DrillSystem, program: string, since: string): LogLine[] =>
  readLog(system, program, () => undefined).filter(({ time }) => String(time) > since);

async function rolling({ system, pause, lasting, signal }: Scene): Promise<void> {
  for (const service of SERVICES) {
    for (const instance of system.instances(service)) {
      await instance.restart();
      await system.ready(signal);
      await pause(lasting(BETWEEN_MS));
    }
  }
}

export const replicaDrills: readonly Drill[] = [
  {
    id: "M5",
    name: "rolling-restart",
    title: "three of each service: every one of them is stopped and started in turn under load",
    promise,
    system: { replicas: REPLICAS },
    rate: 200,
    tolerates: nothing,
    run: rolling,
  },
  {
    id: "M5",
    name: "kill-a-replica",
    title: "three of each service: one of each is killed under load",
    promise,
    system: { replicas: REPLICAS },
    rate: 200,
    tolerates: statuses(/^(?:POST|PUT)/, BRIEFLY_AWAY),
    cachesMayLagMs: 5_500,
    async run(scene) {
      const { system, pause, lasting, signal, expect, note } = scene;
      const from = performance.now();
      const victims = SERVICES.map((service) => system.instances(service)[1]!);
      await Promise.all(victims.map(({ server }) => server.kill()));
      const killed = performance.now();
      await pause(lasting(AWAY_MS));
      await Promise.all(victims.map((victim) => victim.restart()));
      await system.ready(signal);
      const failed = everythingHeard(scene).filter(
        (one) => one.at >= from - IN_FLIGHT_MS && one.status !== 409 && !succeeded(one),
      );
      const late = failed.filter(({ at }) => at > killed);
      note(`${failed.length} requests failed, ${late.length} of them sent after the kill`);
      expect(late.length === 0, `${late.length} requests failed that were not in flight on it`);
    },
  },
  {
    id: "M6",
    name: "migrate-together",
    title: "three of each service start together on empty databases",
    promise: "A migration is applied once, however many start at once.",
    system: { replicas: REPLICAS },
    rate: 0,
    tolerates: nothing,
    // Products go with their table, behind the caches' back.
    cachesMayLagMs: 5_500,
    async run({ system, signal, expect, note }) {
      const startedAt = new Date().toISOString();
      const instances = SERVICES.flatMap((service) => system.instances(service));
      await Promise.all(instances.map(({ server }) => server.kill("SIGTERM")));
      const databases = [system.truth.products, system.truth.orders];
      for (const sql of databases) {
        await sql("DROP SCHEMA public CASCADE");
        await sql("CREATE SCHEMA public");
      }
      await Promise.all(instances.map((instance) => instance.restart()));
      await system.ready(signal);
      let applied = 0;
      for (const sql of databases) {
        const rows = await sql<{ name: string; times: number }>(
          "SELECT name, count(*)::int AS times FROM migrations GROUP BY name",
        );
        applied += rows.length;
        for (const { name, times } of rows)
          expect(times === 1, `${name} was applied ${times} times`);
      }
      expect(applied > 0, "no migration was applied");
      const lines = instances.flatMap(({ server }) => logSince(system, server.name, startedAt));
      const counts = lines.map(({ migrationsApplied: count }) => Number(count ?? 0));
      const sum = counts.reduce((all, count) => all + count, 0);
      expect(sum === applied, `${sum} migrations were run for ${applied} in the tables`);
      const failed = lines.filter(({ msg }) => msg === "waiting for the database");
      expect(failed.length === 0, `${failed.length} tries to migrate failed`);
      note(`${instances.length} instances, ${applied} migrations, each applied once`);
    },
  },
];
