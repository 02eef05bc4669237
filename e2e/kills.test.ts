import { eventually } from "@shop/test-support/eventually";
import { between, randomOf } from "@shop/test-support/random";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startShop, type Shop } from "./shop.fixture.ts";

// The drills D1 to D3 kill one program at a time, with the reconciler. Here both services die, and nothing republishes.
const SEED = Number(process.env["KILL_SEED"] ?? 20_261_120);
const KILLS = 3;
const BUYERS = 10;
/** The buyers never pause, and other tests use the machine as well. */
const SETTLED_LIMIT_MS = 30_000;
const TEST_LIMIT_MS = 180_000;

let shop: Shop;

beforeAll(async () => {
  shop = await startShop({ orderSettings: { RECONCILE_AFTER_MS: "3600000" } });
});
afterAll(() => shop?.stop());

/** Half of the buyers have keys and ask until they have an order; the others ask once. */
async function buy(productIds: readonly number[], random: () => number, until: AbortSignal) {
  await Promise.all(
    Array.from({ length: BUYERS }, async (_, buyer) => {
      for (let n = 0; !until.aborted; n += 1) {
        const productId = productIds[between(random, 0, productIds.length - 1)]!;
        const wish = { productId, qty: between(random, 1, 3) };
        const key = `kills-${productIds[0]}-${buyer}-${n}`;
        if (buyer % 2 === 0) await shop.ledger.placeUntilAccepted(() => shop.order.url, wish, key);
        else await shop.ledger.placeOnce(shop.order.url, wish);
      }
    }),
  );
}

const settled = async (): Promise<number> => {
  const [row] = await shop.truth.orders<{ count: number }>(
    "SELECT count(*)::int FROM orders WHERE status <> 'pending'",
  );
  return row!.count;
};

const settledAfter = async (count: number): Promise<void> => {
  const target = (await settled()) + count;
  const isReached = async () => expect(await settled()).toBeGreaterThanOrEqual(target);
  await eventually(isReached, SETTLED_LIMIT_MS);
};

test(
  `loses and doubles nothing when both services are killed under load, without the reconciler (seed ${SEED})`,
  { timeout: TEST_LIMIT_MS },
  async () => {
    const random = randomOf(SEED);
    const created = await Promise.all([300, 3_000].map((qty) => shop.createProduct({ qty })));
    const stop = new AbortController();
    const productIds = created.map(({ id }) => id);
    const selling = buy(productIds, random, stop.signal);
    const programs = [shop.product, shop.order];
    try {
      for (let kill = 0; kill < KILLS; kill += 1) {
        await settledAfter(between(random, 20, 200));
        await Promise.all(programs.map((program) => program.end("SIGKILL")));
        await Promise.all(programs.map((program) => program.start()));
      }
      await settledAfter(50);
    } finally {
      stop.abort();
    }
    await selling;
    await shop.settlesRightly();
    const failures = shop.ledger.entries.filter(({ outcome }) => outcome !== "accepted");
    // No connection, or 503: order-service has forgotten its products, and product-service cannot be asked.
    expect(failures.filter(({ status }) => status !== undefined && status !== 503)).toEqual([]);
  },
);
