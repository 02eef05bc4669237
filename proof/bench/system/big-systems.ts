import { say } from "local-stack/terminal/say";
import { startLoad } from "../start-load.ts";
import type { Scenario, UseScenario } from "../measure.ts";
import {
  ordersAtFixedRate,
  ordersAtSaturation,
  uncachedLists,
  uncachedProducts,
  type Run,
  type Stage,
} from "./loads.ts";
import {
  BIG_SCENARIOS,
  ORDER_COLUMNS,
  REQUEST_COLUMNS,
  type BigScenarioName,
} from "./scenarios.ts";
import { manyProducts, type Shop } from "./shop.ts";
import { inOwnSystem, prepare, withShop } from "./with-system-scenarios.ts";

const FILLED = { orders: 1_000_000, products: 100_000 };

/** Ids of version 7 as order-service makes them, a tenth of a second apart, up to now. */
const ROWS = `SELECT n, p.id AS product_id,
    (lpad(to_hex($2::bigint + n * 100), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
    to_timestamp(($2::bigint + n * 100) / 1000.0) AS at
  FROM generate_series(1, $1::int) AS n
  JOIN unnest($3::int[]) WITH ORDINALITY AS p (id, place)
    ON p.place = 1 + n % cardinality($3::int[])`;

/** Settled orders of one piece each, in both databases as the services would have written them: all stock still adds up. */
async function fillDatabases(shop: Shop): Promise<void> {
  const ids = await manyProducts(shop, FILLED.products);
  const values = [FILLED.orders, Date.now() - FILLED.orders * 100 - 1_000, ids];
  await Promise.all([
    shop.orders(
      `INSERT INTO orders (id, product_id, qty, unit_price_cents, total_price_cents, status,
         request_id, created_at, updated_at, next_tell_at)
       SELECT id, product_id, 1, 1999, 1999, 'done', 'filled', at, at, at FROM (${ROWS}) AS rows`,
      values,
    ),
    shop.products(
      `WITH moved AS (
         INSERT INTO stock_movements (order_id, product_id, qty, status, decided_at)
         SELECT id, product_id, 1, 'done', at FROM (${ROWS}) AS rows
         RETURNING product_id)
       UPDATE products SET qty = qty - sold.count, version = version + sold.count
       FROM (SELECT product_id, count(*)::int AS count FROM moved GROUP BY 1) AS sold
       WHERE id = sold.product_id`,
      values,
    ),
  ]);
  await Promise.all([shop.orders("VACUUM (ANALYZE)"), shop.products("VACUUM (ANALYZE)")]);
  await Promise.all([shop.orders("CHECKPOINT"), shop.products("CHECKPOINT")]);
}

const EMPTY = "empty";
const FULL = `${FILLED.orders.toLocaleString("en-US")} orders in place`;

const LOADS: Record<BigScenarioName, { kind: "orders" | "requests"; run: (stage: Stage) => Run }> =
  {
    "big-orders": { kind: "orders", run: ordersAtSaturation },
    "big-orders-1000": { kind: "orders", run: ordersAtFixedRate },
    "big-lists": { kind: "requests", run: uncachedLists },
    "big-product-reads": { kind: "requests", run: uncachedProducts },
  };

/** Two systems at once, taking turns: an hour's drift of the machine meets both. */
export async function withBigSystems(
  names: readonly BigScenarioName[],
  seconds: number,
  use: UseScenario,
): Promise<void> {
  const load = startLoad();
  const inBoth = (
    work: (empty: Stage, full: Stage, signal: AbortSignal) => Promise<void>,
  ): Promise<void> =>
    inOwnSystem((emptySystem) =>
      inOwnSystem((fullSystem, signal) =>
        withShop(emptySystem, load, (emptyShop) =>
          withShop(fullSystem, load, async (fullShop) => {
            say(`Writing ${FULL.replace(" in place", "")} into one of them.`);
            await fillDatabases(fullShop);
            const empty = await prepare(emptyShop, seconds, signal);
            await work(empty, await prepare(fullShop, seconds, signal), signal);
          }),
        ),
      ),
    );
  try {
    await inBoth(async (empty, full, signal) => {
      for (const name of names) await use(bigScenario(name, empty, full), signal);
    });
  } finally {
    load.stop();
  }
}

function bigScenario(name: BigScenarioName, empty: Stage, full: Stage): Scenario {
  const { kind, run } = LOADS[name];
  const rate = kind === "orders" ? "settledPerSecond" : "perSecond";
  return {
    name,
    ...BIG_SCENARIOS[name],
    columns: kind === "orders" ? ORDER_COLUMNS : REQUEST_COLUMNS,
    ratios: [
      { key: rate, title: "rate, ratio", to: EMPTY },
      { key: "p95Ms", title: "p95, ratio", to: EMPTY },
      { key: "cpuPrograms", title: "CPU, ratio", to: EMPTY },
    ],
    contenders: [
      { name: EMPTY, run: run(empty) },
      { name: FULL, run: run(full) },
    ],
    leftOut: [],
  };
}
