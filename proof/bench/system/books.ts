import type { Shop } from "./shop.ts";

export async function countOrders({ orders }: Shop): Promise<number> {
  const [row] = await orders<{ count: number }>("SELECT count(*)::int AS count FROM orders");
  return row!.count;
}

export async function countPending({ orders }: Shop): Promise<number> {
  const [row] = await orders<{ count: number }>(
    "SELECT count(*)::int AS count FROM orders WHERE status = 'pending'",
  );
  return row!.count;
}

/** For a system at rest: products whose stock does not add up, and settled orders without their movement or the other way round. */
export async function mistakesInTheBooks({ orders, products }: Shop): Promise<number> {
  const [stock] = await products<{ wrong: number; decided: number }>(
    `SELECT count(*) FILTER (WHERE p.qty < 0
         OR p.qty <> p.initial_qty + coalesce(a.delta, 0) - coalesce(m.taken, 0))::int AS wrong,
       (SELECT count(*) FROM stock_movements)::int AS decided
     FROM products AS p
     LEFT JOIN (SELECT product_id, sum(delta) AS delta FROM stock_adjustments GROUP BY 1) AS a
       ON a.product_id = p.id
     LEFT JOIN (SELECT product_id, sum(qty) AS taken FROM stock_movements
                WHERE status = 'done' GROUP BY 1) AS m ON m.product_id = p.id`,
  );
  const [settled] = await orders<{ count: number }>(
    "SELECT count(*)::int AS count FROM orders WHERE status <> 'pending'",
  );
  return stock!.wrong + Math.abs(stock!.decided - settled!.count);
}
