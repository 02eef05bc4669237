import { waitUntil } from "local-stack/processes/wait-until";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { quantile } from "../verdict.ts";
import { untilGrownUp, watchMemory } from "../memory.ts";

const AWAY_MS = 60_000;
const FROZEN_MS = 30_000;
const DRAINED_WITHIN_MS = 45_000;
const P95_WITHIN_MS = 20;

const DRAIN_LIMIT_MS = 60_000;

/** Until the programs hear of it, orders are answered as fast as ever: nothing on their way needs the broker. */
function answersWhile(scene: Scene, from: number, to: number): number[] {
  return scene.ledger.entries.filter(({ at }) => at >= from && at < to).map(({ tookMs }) => tookMs);
}

/** Less than what comes in a second is left. */
async function untilDrained({ system, rate, signal }: Scene): Promise<number> {
  const startedAt = performance.now();
  await waitUntil(
    async () => {
      const rows = await system.truth.orders(
        "SELECT 1 FROM orders WHERE status = 'pending' LIMIT $1",
        [rate + 1],
      );
      return rows.length <= rate;
    },
    { what: "the backlog is drained", timeoutMs: DRAIN_LIMIT_MS, signal },
  );
  return performance.now() - startedAt;
}

async function away(scene: Scene, howLongMs: number, back: () => Promise<void>): Promise<void> {
  const { system, note, expect, inTime, healed } = scene;
  const pids = system.pids();
  const from = performance.now();
  await scene.pause(scene.lasting(howLongMs));
  const to = performance.now();
  await back();
  healed();
  const drainedMs = await untilDrained(scene);
  const p95 = quantile(answersWhile(scene, from, to), 0.95);
  note(
    `away ${((to - from) / 1_000).toFixed(0)} s at ${scene.rate} orders/s, p95 of orders ${p95} ms`,
  );
  note(`drained ${(drainedMs / 1_000).toFixed(1)} s after its return`);
  inTime("draining", drainedMs, DRAINED_WITHIN_MS);
  inTime("p95 of POST /orders meanwhile", p95, P95_WITHIN_MS);
  expect(system.pids() === pids, "a program was ended");
}

/** A heartbeat of 10 s, missed twice, and some more. */
const NOTICED_WITHIN_MS = 25_000;
const SERVICES = ["product-service", "order-service"];

/** Nothing closes its connections: only heartbeats notice. */
async function expectNoticed({ system, expect }: Scene): Promise<void> {
  for (const service of SERVICES) {
    const { broker } = await system.checks(service);
    expect(broker !== "ok", `${service} says of the broker that stood still: ${broker}`);
  }
}

const promise =
  "RabbitMQ away: a client sees nothing; what was committed is published when it is back.";

export const rabbitmqAwayDrills: readonly Drill[] = [
  {
    id: "D5",
    name: "kill-rabbitmq",
    title: "kill -9 of RabbitMQ under load, away for 60 s: every order is taken",
    promise,
    rate: 1_000,
    tolerates: nothing,
    async run(scene) {
      const rabbitmq = scene.system.part("rabbitmq");
      await rabbitmq.server.kill();
      await away(scene, AWAY_MS, () => rabbitmq.restart());
    },
  },
  {
    id: "D7",
    name: "freeze-rabbitmq",
    title: "RabbitMQ stands still for 30 s, its connections open: the heartbeat notices",
    promise,
    tolerates: nothing,
    async run(scene) {
      const { server } = scene.system.part("rabbitmq");
      await server.pause();
      await away(scene, FROZEN_MS, async () => {
        if (scene.lasting(FROZEN_MS) >= NOTICED_WITHIN_MS) await expectNoticed(scene);
        await server.resume();
      });
    },
  },
  {
    id: "D8",
    name: "rabbitmq-alarm",
    title: "RabbitMQ has a memory alarm and blocks publishers: the relay rests, memory stays flat",
    promise,
    tolerates: nothing,
    async run(scene) {
      const { system } = scene;
      await untilGrownUp(scene);
      await system.rabbitmqctl("set_vm_memory_high_watermark", "0");
      const checkMemory = watchMemory(scene);
      await away(scene, FROZEN_MS, async () => {
        await checkMemory();
        await system.rabbitmqctl("set_vm_memory_high_watermark", "0.4");
      });
    },
  },
];
