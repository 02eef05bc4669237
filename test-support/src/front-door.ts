import type { Order } from "@shop/contracts/order";
import type { Page } from "@shop/contracts/page";
import type { Product } from "@shop/contracts/product";
import type { Truth } from "./checker.ts";
import { call } from "./http.ts";

/** The parts that may differ from request to request are not compared. */
type Answer<T> = { readonly data?: T };

export interface Sample {
  readonly orderIds: readonly string[];
  readonly productIds: readonly number[];
}

/** (f) Where the gateway and PostgreSQL differ, in words; for a system at rest. */
export async function differencesAtTheDoor(
  gateway: string,
  truth: Truth,
  { orderIds, productIds }: Sample,
): Promise<string[]> {
  const [orders, products] = await Promise.all([
    truth.orders<{ id: string }>(`${ORDER} WHERE id = ANY($1::uuid[])`, [orderIds]),
    truth.products<{ id: number }>(`${PRODUCT} WHERE id = ANY($1::integer[])`, [productIds]),
  ]);
  const byId = new Map<number | string, object>(
    [...orders, ...products].map((row) => [row.id, row]),
  );
  const wrong: string[] = [];
  const compare = (path: string, answered: unknown, should: unknown): void => {
    const [left, right] = [JSON.stringify(answered), JSON.stringify(should)];
    if (left !== right)
      wrong.push(`(f) GET ${path} says ${short(left)}, and it is ${short(right)}`);
  };
  for (const id of orderIds) {
    const path = `/orders/${id}`;
    const { body } = await call<Answer<Order>>(`${gateway}${path}`);
    compare(path, body?.data && orderFacts(body.data), byId.get(id));
  }
  for (const id of productIds) {
    const path = `/products/${id}`;
    const { body } = await call<Answer<Product>>(`${gateway}${path}`);
    compare(path, body?.data && productFacts(body.data), byId.get(id));
    const list = `/orders/product/${id}`;
    const page = (await call<Answer<Page<Order>>>(`${gateway}${list}`)).body?.data;
    const newest = await truth.orders(`${ORDER} WHERE product_id = $1 ORDER BY id DESC LIMIT 20`, [
      id,
    ]);
    const answered = page?.items.map(orderFacts);
    const at = newest.findIndex(
      (row, index) => JSON.stringify(row) !== JSON.stringify(answered?.[index]),
    );
    if (at >= 0) compare(`${list}, place ${at + 1},`, answered?.[at], newest[at]);
    else compare(`${list}, as a whole,`, answered?.length, newest.length);
  }
  return wrong;
}

const MOST_SHOWN_CHARS = 250;
const short = (text: string | undefined): string => `${text}`.slice(0, MOST_SHOWN_CHARS);

const ORDER = `SELECT id, product_id AS "productId", qty, total_price_cents::int AS cents, status, reason FROM orders`;
const PRODUCT = "SELECT id, name, price_cents::int AS cents, qty, version FROM products";

const cents = (price: number): number => Math.round(price * 100);

const orderFacts = ({ id, productId, qty, totalPrice, status, reason }: Order) => ({
  id,
  productId,
  qty,
  cents: cents(totalPrice),
  status,
  reason,
});

const productFacts = ({ id, name, price, qty, version }: Product) => ({
  id,
  name,
  cents: cents(price),
  qty,
  version,
});
