import { call } from "@shop/test-support/http";
import type { Shop } from "./shop.ts";

/** Enough that nothing is ever sold out. */
const STOCK = 1_000_000_000;
/** More than a page, so that every list is a full one. */
const ORDERS_EACH = 30;

export async function createProducts({ url }: Shop, count: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const body = { name: `Bench product ${index + 1}`, price: 19.99, qty: STOCK };
      const { status, text, body: answer } = await call(`${url}/products`, { body });
      if (status !== 201) throw new Error(`no product: ${text}`);
      return answer.data.id as number;
    }),
  );
}

export async function placeFirstOrders({ url }: Shop, productIds: readonly number[]) {
  for (let turn = 0; turn < ORDERS_EACH; turn += 1) {
    await Promise.all(
      productIds.map(async (productId) => {
        const { status, text } = await call(`${url}/orders`, { body: { productId, qty: 1 } });
        if (status !== 201) throw new Error(`no order: ${text}`);
      }),
    );
  }
}

/** The ids of `count` products; what is missing is written straight into the database, where clients' writes would take minutes. */
export async function manyProducts({ products }: Shop, count: number): Promise<number[]> {
  await products(
    `INSERT INTO products (name, price_cents, qty, initial_qty)
     SELECT 'Product ' || n, 1999, 1000000, 1000000
     FROM generate_series(1, $1 - (SELECT count(*) FROM products)::int) AS n`,
    [count],
  );
  await products("VACUUM (ANALYZE) products");
  const rows = await products<{ id: number }>("SELECT id FROM products ORDER BY id LIMIT $1", [
    count,
  ]);
  return rows.map(({ id }) => id);
}
