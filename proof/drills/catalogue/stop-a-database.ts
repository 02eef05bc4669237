import { call } from "../load.ts";
import { statuses, type Drill, type Scene } from "../drill.ts";
import { quantile } from "../verdict.ts";
import { everythingHeard } from "../verdict.ts";

const AWAY_MS = 10_000;
/** The gateway's deadline, and a little for the way. */
const REFUSED_WITHIN_MS = 5_500;
const SUCCESS_WITHIN_MS = 3_000;
const LOOK_AGAIN_MS = 50;
const GIVE_UP_MS = 30_000;

type Database = "order-db" | "product-db";

/** Something that needs this database. */
async function probe(database: Database, { system, ledger, load }: Scene): Promise<boolean> {
  if (database === "product-db") {
    const answer = await call(`${system.gateway}/products?limit=1`).catch(() => undefined);
    return answer?.status === 200;
  }
  const wish = { productId: load.productIds[1]!, qty: 1 };
  return (await ledger.place(system.gateway, wish)).outcome === "accepted";
}

async function untilSuccess(database: Database, scene: Scene): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const works = await probe(database, scene);
    const tookMs = performance.now() - startedAt;
    if (works || tookMs > GIVE_UP_MS) return tookMs;
    await scene.pause(LOOK_AGAIN_MS);
  }
}

const stopDrill = (database: Database, tolerates: Drill["tolerates"]): Drill => ({
  id: "D10",
  name: `stop-${database}`,
  title: `${database} ends at once (immediate shutdown) under load and is away for 10 s`,
  promise: "A PostgreSQL away: 503 within the deadline, no crash loop, recovers by itself.",
  tolerates,
  cachesMayLagMs: 5_500,
  async run(scene) {
    const { system, note, expect, inTime, healed } = scene;
    const pids = system.pids();
    const kept = system.part(database);
    const from = performance.now();
    // Its word for an immediate shutdown.
    await kept.server.kill("SIGQUIT");
    await scene.pause(scene.lasting(AWAY_MS));
    await kept.restart();
    healed();
    const successMs = await untilSuccess(database, scene);
    const refused = everythingHeard(scene).filter(
      ({ at, status }) => at >= from && status !== undefined && status >= 500,
    );
    const slowest = Math.round(Math.max(0, ...refused.map(({ tookMs }) => tookMs)));
    const p99 = quantile(
      refused.map(({ tookMs }) => tookMs),
      0.99,
    );
    note(`${refused.length} refused, p99 ${p99} ms, at most ${slowest} ms`);
    note(`first success ${(successMs / 1_000).toFixed(1)} s after its return`);
    inTime("the slowest refusal", slowest, REFUSED_WITHIN_MS);
    inTime("the first success after its return", successMs, SUCCESS_WITHIN_MS);
    expect(system.pids() === pids, "a program was ended");
  },
});

export const stopDatabaseDrills: readonly Drill[] = [
  stopDrill("order-db", statuses(/ \/orders/, [503])),
  // Products that are known are ordered all the same.
  stopDrill("product-db", statuses(/ \/products/, [503])),
];
