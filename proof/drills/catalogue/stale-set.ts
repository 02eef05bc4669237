import { setTimeout as rest } from "node:timers/promises";
import { between } from "@shop/test-support/random";
import { connectRedis } from "@shop/test-support/redis-client";
import { call } from "../load.ts";
import { nothing, type Drill, type Scene } from "../drill.ts";

const FOR_MS = 10_000;
/** Where the machine is busy it goes on until there were so many: no round would be no proof. */
const LEAST_ROUNDS = 60;
const GIVE_UP_MS = 90_000;
const READERS = 5;
/** The writer comes while the readers, in programs made slow for this, rest between their look and their set. */
const WRITER_AFTER_MS = { least: 0, most: 20 };

/** What of an answer is looked at, of a product or of a list. */
type Answer =
  | { readonly version?: number; readonly items?: readonly { readonly id: string }[] }
  | undefined;

type Redis = Awaited<ReturnType<typeof connectRedis>>;

/** What is written and read of one product, in the cache of one service. */
interface Subject {
  readonly path: (productId: number) => string;
  readonly cached: (productId: number) => string;
  /** Gives back what has to be seen from then on. */
  write(scene: Scene, productId: number): Promise<(data: Answer) => boolean>;
}

const product: Subject = {
  path: (id) => `/products/${id}`,
  cached: (id) => `product:${id}`,
  async write({ system }, id) {
    const answer = await call(`${system.gateway}/products/${id}`, {
      method: "PUT",
      body: { name: `Cup ${Math.random()}`, price: 10 },
    });
    const written: number = answer.body?.data?.version;
    return (data) => (data?.version ?? 0) >= written;
  },
};

const orderList: Subject = {
  path: (id) => `/orders/product/${id}`,
  cached: (id) => `orders:product:${id}`,
  async write({ system, ledger }, id) {
    const { order } = await ledger.place(system.gateway, { productId: id, qty: 1 });
    return (data) => data?.items?.some(({ id: listed }) => listed === order?.id) === true;
  },
};

async function read({ system, load }: Scene, path: string): Promise<Answer> {
  const at = performance.now();
  const answer = await call(`${system.gateway}${path}`).catch(() => undefined);
  const what = `GET ${path.replace(/\d+$/, ":id")}`;
  load.heard.push({ what, status: answer?.status, at, tookMs: performance.now() - at });
  return answer?.body?.data;
}

/** Nothing cached, readers on their way, a write among them: who has written sees it, now and when the readers are done. */
async function round(scene: Scene, subject: Subject, redis: Redis, id: number): Promise<void> {
  const { expect, random } = scene;
  const path = subject.path(id);
  await redis.del(subject.cached(id));
  const readers = Promise.all(Array.from({ length: READERS }, () => read(scene, path)));
  await rest(between(random, WRITER_AFTER_MS.least, WRITER_AFTER_MS.most));
  const shows = await subject.write(scene, id);
  expect(shows(await read(scene, path)), `GET ${path} did not show what was written just before`);
  await readers;
  expect(shows(await read(scene, path)), `GET ${path} did not show what was written before`);
}

export const staleSetDrill: Drill = {
  id: "D15",
  name: "stale-set",
  title: "writers come between a reader's look and its set, again and again for 10 s",
  promise: "A stale value never overwrites a newer one: who has written sees it in the next read.",
  system: { changes: "slow-readers" },
  rate: 0,
  tolerates: nothing,
  async run(scene) {
    const { system, load, lasting, note, inTime } = scene;
    const startedAt = performance.now();
    const goesOn = (): boolean => {
      const forMs = performance.now() - startedAt;
      return forMs < lasting(FOR_MS) || (rounds < LEAST_ROUNDS && forMs < GIVE_UP_MS);
    };
    let rounds = 0;
    const play = async (subject: Subject, server: string, id: number): Promise<void> => {
      const redis = await connectRedis(system.url(server));
      for (; goesOn(); rounds += 1) await round(scene, subject, redis, id);
      redis.destroy();
    };
    const [first, second, ...others] = load.productIds.slice(1, 5);
    await Promise.all([
      ...[first!, second!].map((id) => play(product, "product-redis", id)),
      ...others.map((id) => play(orderList, "order-redis", id)),
    ]);
    note(`${rounds} rounds`);
    const wouldTakeMs = ((performance.now() - startedAt) * LEAST_ROUNDS) / Math.max(rounds, 1);
    inTime(`${LEAST_ROUNDS} rounds`, wouldTakeMs, GIVE_UP_MS);
  },
};
