import { randomUUIDv7 } from "node:crypto";
import { ordersCompare } from "operations/compare/orders-compare";
import { NOWHERE, run } from "operations/run.fixture";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startShop, type Shop } from "./shop.fixture.ts";

let shop: Shop;

beforeAll(async () => {
  shop = await startShop();
});
beforeEach(async () => {
  await shop.truth.orders("DELETE FROM orders");
  await shop.truth.products("DELETE FROM stock_movements");
});
afterAll(() => shop.stop());

const compare = (...args: string[]) => run(ordersCompare, args, { addresses: shop.addresses });

async function settled(count: number): Promise<string[]> {
  const { id: productId } = await shop.createProduct();
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1)
    ids.push((await shop.ledger.place(shop.order.url, { productId, qty: 2 })).order!.id);
  for (const id of ids)
    await eventually(async () => expect((await shop.orderOf(id)).status).toBe("done"));
  return ids;
}

test("finds no difference when every order has its movement", async () => {
  await settled(3);
  expect(await compare()).toEqual({
    code: 0,
    text: "3 orders and 3 movements compared.\nNothing differs.",
  });
});

test("lists orders without a movement, and counts their pieces", async () => {
  const [gone, kept] = await settled(2);
  await shop.truth.products("DELETE FROM stock_movements WHERE order_id = $1", [gone]);
  const { code, text } = await compare();
  expect(code).toBe(1);
  expect(text).toContain("no-movement: 1 order, 2 pieces");
  expect(text).toMatch(new RegExp(`${gone}  order: 2 of product \\d+ done, no movement`));
  expect(text).not.toContain(kept);
  expect(text).toContain("docs/operations.md#backups-and-restoring");
});

test("lists movements without an order", async () => {
  const [gone] = await settled(2);
  await shop.truth.orders("DELETE FROM orders WHERE id = $1", [gone]);
  const { code, text } = await compare();
  expect(code).toBe(1);
  expect(text).toContain("no-order: 1 order, 2 pieces");
  expect(text).toMatch(new RegExp(`${gone}  no order, movement: 2 of product \\d+ done`));
});

test("shows both sides when outcome, quantity or product disagree", async () => {
  const [outcome, quantity, product] = await settled(4);
  const change = (what: string, id: string | undefined) =>
    shop.truth.products(`UPDATE stock_movements SET ${what} WHERE order_id = $1`, [id]);
  await change("status = 'rejected', reason = 'OUT_OF_STOCK'", outcome);
  await change("qty = 1", quantity);
  await change("product_id = 2147483647", product);
  const { code, text } = await compare();
  expect(code).toBe(1);
  expect(text).toContain("disagree: 3 orders, 6 pieces");
  expect(text).toMatch(/order: 2 of product \d+ done, movement: 2 of product \d+ OUT_OF_STOCK/);
  expect(text).toMatch(/order: 2 of product \d+ done, movement: 1 of product \d+ done/);
  expect(text).toContain("movement: 2 of product 2147483647 done");
});

test("accepts a pending order, decided or not", async () => {
  const [decided, open] = await settled(2);
  await shop.truth.orders("UPDATE orders SET status = 'pending'");
  await shop.truth.products("DELETE FROM stock_movements WHERE order_id = $1", [open]);
  expect(await compare()).toMatchObject({ code: 0 });
  await shop.truth.orders("DELETE FROM orders WHERE id = $1", [decided]);
  expect(await compare()).toMatchObject({ code: 1 });
});

test("counts more than one page of each side, and lists the oldest", async () => {
  const insert = (count: number) =>
    shop.truth.products(
      `INSERT INTO stock_movements (order_id, product_id, qty, status)
       SELECT gen_random_uuid(), 1, 1, 'done' FROM generate_series(1, $1)`,
      [count],
    );
  await insert(12_000);
  const copied = await shop.truth.products("SELECT order_id FROM stock_movements");
  await shop.truth.orders(
    `INSERT INTO orders (id, product_id, qty, unit_price_cents, total_price_cents, status, request_id,
       created_at, updated_at, next_tell_at)
     SELECT id, 1, 1, 1, 1, 'done', 'r', now(), now(), now() FROM unnest($1::uuid[]) AS o (id)`,
    [[...copied.map((row) => row["order_id"]), ...Array.from({ length: 3 }, () => randomUUIDv7())]],
  );
  await insert(11_000);
  const { code, text } = await compare("--limit", "2");
  expect(code).toBe(1);
  expect(text).toContain("12,003 orders and 23,000 movements compared.");
  expect(text).toContain("no-movement: 3 orders, 3 pieces");
  expect(text).toContain("no-order: 11,000 orders, 11,000 pieces");
  expect(text).toContain("  … and 10998 more (--limit 11000)");
  const listed = text.match(/^ {2}\S+ {2}no order/gm)!;
  expect(listed).toEqual(listed.toSorted());
  expect(listed).toHaveLength(2);
});

test("exits with 2 when a database cannot be asked", async () => {
  const addresses = { ...shop.addresses, productDb: NOWHERE.productDb };
  const { code, text } = await run(ordersCompare, [], { addresses });
  expect(code).toBe(2);
  expect(text).toContain("The databases cannot be compared: nothing listens there.");
});

test.each([[["--limit", "0"]], [["--limit", "many"]], [["--colour"]], [["an-order"]]])(
  "refuses %j, and shows the usage",
  async (args) => {
    await expect(compare(...args)).rejects.toThrow("npm run orders:compare -- [options]");
  },
);
