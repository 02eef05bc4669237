import { between } from "@shop/test-support/random";
import type { KeptServer } from "local-stack/processes/keep-running";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { quantile } from "../verdict.ts";

const AWAY_MS = 10_000;
const READS_P99_WITHIN_MS = 100;
const FLAPS = { onMs: [50, 700], offMs: [50, 700] } as const;

const redisDrill = (name: string, title: string, fault: Fault): Drill => ({
  id: "D13",
  name: `${name}-redis`,
  title,
  promise: "A Redis dead, silent or flapping: answers stay right, only slower.",
  tolerates: nothing,
  cachesMayLagMs: 5_500,
  async run(scene) {
    const { system, load, note, expect, inTime, healed } = scene;
    const pids = system.pids();
    const from = performance.now();
    await Promise.all(
      ["product-redis", "order-redis"].map((redis) => fault(system.part(redis), scene)),
    );
    healed();
    const reads = load.heard.filter(({ at, what }) => at >= from && what.startsWith("GET"));
    const p99 = quantile(
      reads.map(({ tookMs }) => tookMs),
      0.99,
    );
    note(`${reads.length} reads meanwhile, p99 ${p99} ms`);
    inTime("p99 of reads meanwhile", p99, READS_P99_WITHIN_MS);
    expect(system.pids() === pids, "a program was ended");
  },
});

type Fault = (redis: KeptServer, scene: Scene) => Promise<void>;

const killed: Fault = async (redis, { pause, lasting }) => {
  await redis.server.kill();
  await pause(lasting(AWAY_MS));
  await redis.restart();
};

const frozen: Fault = async ({ server }, { pause, lasting }) => {
  await server.pause();
  await pause(lasting(AWAY_MS));
  await server.resume();
};

/** Each stands still at moments of its own. */
const flapping: Fault = async ({ server }, { pause, random, lasting }) => {
  const until = performance.now() + lasting(AWAY_MS);
  while (performance.now() < until) {
    await server.pause();
    await pause(between(random, ...FLAPS.offMs));
    await server.resume();
    await pause(between(random, ...FLAPS.onMs));
  }
};

export const redisAwayDrills: readonly Drill[] = [
  redisDrill("kill", "kill -9 of both Redis under load, away for 10 s", killed),
  redisDrill("freeze", "both Redis stand still for 10 s, their connections open", frozen),
  redisDrill("flap", "both Redis stand still and go on again, at random, for 10 s", flapping),
];
