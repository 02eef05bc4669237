import { connectRedis } from "@shop/test-support/redis-client";
import { call } from "../load.ts";
import { nothing, type Drill, type Scene } from "../drill.ts";

const FOR_MS = 10_000;
const FLUSH_EVERY_MS = 500;
const READERS = 100;
/** The shortest time that an entry lives: each is loaded so often anyway. */
const TTL_MS = 4_500;
/** A backend that has nothing to do tells its counts after 10 s only. */
const COUNTED_AFTER_MS = 12_000;

/** With nobody who writes, whatever looks into the table is a load; a small one is read without its index. */
const lookups = async ({ system }: Scene): Promise<number> => {
  const [row] = await system.truth.products<{ scans: number }>(
    "SELECT (coalesce(idx_scan, 0) + seq_scan)::int AS scans FROM pg_stat_user_tables WHERE relname = 'products'",
  );
  return row!.scans;
};

async function readUntil(end: number, scene: Scene): Promise<number> {
  let reads = 0;
  for (; performance.now() < end && !scene.signal.aborted; reads += 1) {
    const id = scene.load.productIds[reads % scene.load.productIds.length]!;
    const at = performance.now();
    const answer = await call(`${scene.system.gateway}/products/${id}`).catch(() => undefined);
    const tookMs = performance.now() - at;
    scene.load.heard.push({ what: "GET /products/:id", status: answer?.status, at, tookMs });
  }
  return reads;
}

export const flushRedisDrill: Drill = {
  id: "D14",
  name: "flush-redis",
  title: "FLUSHALL twice a second while 100 readers read 10 products",
  promise: "An empty cache costs one load for each key, whoever waits for it.",
  rate: 0,
  tolerates: nothing,
  async run(scene) {
    const { system, load, pause, lasting, expect, note } = scene;
    await pause(COUNTED_AFTER_MS);
    const before = await lookups(scene);
    const redis = await connectRedis(system.url("product-redis"));
    const end = performance.now() + lasting(FOR_MS);
    const reading = Promise.all(Array.from({ length: READERS }, () => readUntil(end, scene)));
    let flushes = 0;
    for (; performance.now() < end; flushes += 1) {
      await redis.flushAll();
      await pause(FLUSH_EVERY_MS);
    }
    const reads = (await reading).reduce((sum, count) => sum + count, 0);
    redis.destroy();
    await pause(COUNTED_AFTER_MS);
    const loads = (await lookups(scene)) - before;
    const expired = Math.ceil(lasting(FOR_MS) / TTL_MS);
    const allowed = (flushes + expired + 1) * load.productIds.length;
    note(`${reads} reads, ${flushes} flushes, ${loads} loads (${allowed} allowed)`);
    expect(loads > 0, "no load was counted");
    expect(loads <= allowed, `${loads} loads, and ${allowed} were enough`);
  },
};
