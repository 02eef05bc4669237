import { call } from "@shop/test-support/http";
import { between } from "@shop/test-support/random";
import { nothing, type Drill, type Scene } from "../drill.ts";

const FOR_MS = 10_000;
const READERS_EACH = 15;
const STALL_MS = { least: 5, most: 60 };

async function read({ system, load }: Scene, id: number): Promise<number | undefined> {
  const at = performance.now();
  const answer = await call(`${system.gateway}/products/${id}`).catch(() => undefined);
  const tookMs = performance.now() - at;
  load.heard.push({ what: "GET /products/:id", status: answer?.status, at, tookMs });
  return answer?.body?.data?.version;
}

/** Reads and forgets, so that loads and sets are under way at any moment. */
async function keepReading(scene: Scene, id: number, end: number): Promise<void> {
  while (performance.now() < end) await read(scene, id);
}

/** Whoever has written sees it in the next read, or something newer. */
async function keepWriting(scene: Scene, id: number, end: number): Promise<number> {
  const { system, expect } = scene;
  let writes = 0;
  for (; performance.now() < end; writes += 1) {
    const body = { name: `Cup ${writes}`, price: 10 };
    const answer = await call(`${system.gateway}/products/${id}`, { method: "PUT", body });
    const written: number = answer.body?.data?.version;
    const seen = await read(scene, id);
    expect(
      answer.status === 200 && seen !== undefined && seen >= written,
      `product ${id}: version ${written} was written (${answer.status}) and ${seen} read`,
    );
  }
  return writes;
}

/** Backends stand still for a moment, between a reader's look and its answer: its set comes late then. */
async function stallBackends({ system, random, pause }: Scene, end: number): Promise<void> {
  while (performance.now() < end) {
    const backends = await system.truth.products<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'product-service' AND backend_type = 'client backend'",
    );
    const one = backends[between(random, 0, Math.max(0, backends.length - 1))];
    if (one) {
      process.kill(one.pid, "SIGSTOP");
      await pause(between(random, STALL_MS.least, STALL_MS.most)).finally(() =>
        process.kill(one.pid, "SIGCONT"),
      );
    }
    await pause(between(random, 1, STALL_MS.most));
  }
}

export const staleSetDrill: Drill = {
  id: "D15",
  name: "stale-set",
  title: "writers come between a reader's look and its set, 10 s long",
  promise: "A stale value never overwrites a newer one: who has written sees it in the next read.",
  rate: 0,
  tolerates: nothing,
  async run(scene) {
    const end = performance.now() + scene.lasting(FOR_MS);
    const ids = scene.load.productIds.slice(0, 4);
    const reading = ids.flatMap((id) =>
      Array.from({ length: READERS_EACH }, () => keepReading(scene, id, end)),
    );
    const writing = Promise.all(ids.map((id) => keepWriting(scene, id, end)));
    await Promise.all([...reading, stallBackends(scene, end)]);
    const writes = (await writing).reduce((sum, count) => sum + count, 0);
    scene.note(`${writes} writes among ${scene.load.heard.length - writes} reads`);
  },
};
