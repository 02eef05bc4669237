import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Entry } from "@shop/test-support/ledger";
import { between, randomOf } from "@shop/test-support/random";
import { startShop, type Shop } from "./shop.fixture.ts";

const SEED = Number(process.env["KILL_SEED"] ?? 20_261_120);
const KILLS = 3;
const BUYERS = 10;
/** The buyers never pause, and other tests want the machine as well. */
const SETTLING_LIMIT_MS = 30_000;
const TEST_LIMIT_MS = 180_000;

/** What clients may hear beside 201. `undefined`: the connection broke, or there was none. */
const MAY_HEAR: Record<"product-service" | "order-service" | "both", (number | undefined)[]> = {
  // Orders of known products are taken all the same.
  "product-service": [],
  "order-service": [undefined],
  // order-service has forgotten its products, and has nobody to ask.
  both: [undefined, 503],
};

/** After its start order-service opens connections; on a busy machine they take longer than a request waits, and 503 is right then. */
const CONNECTION_LIMIT_MS = 1_500;

let shop: Shop;

beforeAll(async () => {
  // Without the sweeper: what was committed has to arrive by the outbox and the queues alone.
  shop = await startShop({ orderSettings: { SWEEP_AFTER_MS: "3600000" } });
});
afterAll(() => shop.stop());

/** Half of the buyers have keys and ask until they have an order; the others take what comes. */
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

const acceptedAfter = (count: number): Promise<void> => {
  const target = shop.ledger.accepted.length + count;
  return eventually(() => expect(shop.ledger.accepted.length).toBeGreaterThanOrEqual(target));
};

const settled = async (): Promise<number> => {
  const [row] = await shop.truth.orders<{ count: number }>(
    "SELECT count(*)::int FROM orders WHERE status <> 'pending'",
  );
  return row!.count;
};

/** All parts are at work then, and none of them knows of this moment. */
const settledAfter = async (count: number): Promise<void> => {
  const target = (await settled()) + count;
  await eventually(
    async () => expect(await settled()).toBeGreaterThanOrEqual(target),
    SETTLING_LIMIT_MS,
  );
};

test.each(Object.keys(MAY_HEAR) as (keyof typeof MAY_HEAR)[])(
  `kill -9 of %s at random instants under load: nothing that was promised is lost or doubled (seed ${SEED})`,
  { timeout: TEST_LIMIT_MS },
  async (victim) => {
    const random = randomOf(SEED + victim.length);
    const created = await Promise.all([300, 3_000].map((qty) => shop.createProduct({ qty })));
    const before = shop.ledger.entries.length;
    const stop = new AbortController();
    const selling = buy(
      created.map(({ id }) => id),
      random,
      stop.signal,
    );
    try {
      for (let kill = 0; kill < (victim === "both" ? 2 : KILLS); kill += 1) {
        await settledAfter(between(random, 20, 200));
        const victims = [
          ...(victim === "order-service" ? [] : [shop.product]),
          ...(victim === "product-service" ? [] : [shop.order]),
        ];
        await Promise.all(victims.map((program) => program.end("SIGKILL")));
        // Known products are sold on while product-service is away.
        if (victim === "product-service") await acceptedAfter(between(random, 5, 30));
        await Promise.all(victims.map((program) => program.start()));
      }
      await settledAfter(50);
    } finally {
      stop.abort();
    }
    await selling;
    await shop.settlesRightly();

    const entries: Entry[] = shop.ledger.entries.slice(before);
    const failures = entries.filter(({ outcome }) => outcome !== "accepted");
    const isLate = ({ status, tookMs }: Entry): boolean =>
      victim === "order-service" && status === 503 && tookMs >= CONNECTION_LIMIT_MS;
    const odd = failures.filter(
      (entry) => !MAY_HEAR[victim].includes(entry.status) && !isLate(entry),
    );
    expect(odd).toEqual([]);
  },
);
