import type { Shop } from "./shop.ts";
import { manyProducts } from "./stock-the-shop.ts";

export const FILLED = { orders: 1_000_000, products: 100_000 };

/** Ids of version 7 as order-service makes them, a tenth of a second apart, up to now. */
const ROWS = `SELECT n, p.id AS product_id,
    (lpad(to_hex($2::bigint + n * 100), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
    to_timestamp(($2::bigint + n * 100) / 1000.0) AS at
  FROM generate_series(1, $1::int) AS n
  JOIN unnest($3::int[]) WITH ORDINALITY AS p (id, place)
    ON p.place = 1 + n % cardinality($3::int[])`;

/** Settled orders of one piece each, in both databases as the services would have written them: all stock still adds up. */
export async function fillDatabases(shop: Shop): Promise<void> {
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
