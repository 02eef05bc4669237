import { randomUUIDv7 } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { WORK_QUEUES } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { differencesAtTheDoor } from "@shop/test-support/front-door";
import { call } from "@shop/test-support/http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { unrest, violations } from "@shop/test-support/checker";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";
import type { Shop } from "./shop.fixture.ts";

let it: ShopWithGateway;
let shop: Shop;
let productId: number;
let orderId: string;
let requestId: string;

beforeAll(async () => {
  it = await startShopWithGateway();
  shop = it.shop;
});
afterAll(() => it?.stop());
beforeEach(async () => {
  ({ id: productId } = await shop.createProduct({ qty: 10 }));
  const wish = { productId, qty: 2 };
  const entry = await shop.ledger.place(shop.order.url, wish, { key: randomUUIDv7() });
  ({ requestId } = entry);
  orderId = entry.order!.id;
  await shop.settlesRightly();
});

/** Each is done to a system at rest in which every promise is kept, and undone after it. */
const HARM: Record<string, { harm: () => [string, string]; says: RegExp }> = {
  "a piece of stock more": {
    harm: () => [
      `UPDATE products SET qty = qty + 1 WHERE id = ${productId}`,
      `UPDATE products SET qty = qty - 1 WHERE id = ${productId}`,
    ],
    says: /^\(a\) product \d+ has 9 pieces and should have 8/,
  },
  "a movement that says rejected": {
    harm: () => [
      `UPDATE stock_movements SET status = 'rejected', reason = 'OUT_OF_STOCK' WHERE order_id = '${orderId}'`,
      `UPDATE stock_movements SET status = 'done', reason = NULL WHERE order_id = '${orderId}'`,
    ],
    says: /^\(c\) order .* done , decided .* rejected OUT_OF_STOCK/,
  },
  "a movement of another quantity": {
    harm: () => [
      `UPDATE stock_movements SET qty = 3 WHERE order_id = '${orderId}'`,
      `UPDATE stock_movements SET qty = 2 WHERE order_id = '${orderId}'`,
    ],
    says: /^\(c\) order /,
  },
};

test.each(Object.entries(HARM))("finds %s", async (_, { harm, says }) => {
  const [change, undo] = harm();
  await shop.truth.products(change);
  expect(await violations(shop.truth, shop.ledger)).toContainEqual(expect.stringMatching(says));
  await shop.truth.products(undo);
  expect(await violations(shop.truth, shop.ledger)).toEqual([]);
});

test("finds with the run-book's query the stock that does not add up, and nothing else", async () => {
  const runBook = readFileSync(join(CHECKOUT, "docs/operations.md"), "utf8");
  const [, look = ""] = /find nothing, now and always:\s+```sql\n([^`]+)```/.exec(runBook) ?? [];
  const { id: untouched } = await shop.createProduct({ qty: 7 });
  expect(await shop.truth.products(look)).toEqual([]);
  const spoilt = (id: number, by: number) =>
    shop.truth.products("UPDATE products SET qty = qty + $2 WHERE id = $1", [id, by]);
  await spoilt(productId, 1);
  await spoilt(untouched, -1);
  expect(await shop.truth.products(`${look.replace(";", "")} ORDER BY id`)).toEqual([
    { id: productId, qty: 9, should_be: "8" },
    { id: untouched, qty: 6, should_be: "7" },
  ]);
  await spoilt(productId, -1);
  await spoilt(untouched, 1);
});

const ORDER_HARM: Record<string, { harm: () => [string, string]; says: RegExp }> = {
  "an order of another quantity": {
    harm: () => [
      `UPDATE orders SET qty = 1 WHERE id = '${orderId}'`,
      `UPDATE orders SET qty = 2 WHERE id = '${orderId}'`,
    ],
    says: /^\(b\) order .* is not what was wished for/,
  },
  "an order that is pending again": {
    harm: () => [
      `UPDATE orders SET status = 'pending' WHERE id = '${orderId}'`,
      `UPDATE orders SET status = 'done' WHERE id = '${orderId}'`,
    ],
    says: /^\(b\) order .* is not settled/,
  },
  "an order under another id": {
    harm: () => [
      `UPDATE orders SET id = '${randomUUIDv7()}' WHERE product_id = ${productId}`,
      `UPDATE orders SET id = '${orderId}' WHERE product_id = ${productId}`,
    ],
    says: /^\(b\) order .* was promised and is not there/,
  },
  "an order without a request": {
    harm: () => [
      `UPDATE orders SET request_id = 'a-stranger' WHERE id = '${orderId}'`,
      `UPDATE orders SET request_id = '${requestId}' WHERE id = '${orderId}'`,
    ],
    says: /^\(b\) order .* no request asked for it/,
  },
  "a second order for one request": {
    harm: () => [
      `INSERT INTO orders SELECT gen_random_uuid(), ${productId} + 1, qty, unit_price_cents, total_price_cents, status,
         reason, request_id, created_at, updated_at, next_tell_at FROM orders WHERE id = '${orderId}'`,
      `DELETE FROM orders WHERE product_id = ${productId} + 1`,
    ],
    says: /^\(b\) order .* is one more for /,
  },
  "a key that stands for another order": {
    harm: () => [
      `UPDATE idempotency_keys SET order_id = '00000000-0000-7000-8000-000000000000' WHERE order_id = '${orderId}'`,
      `UPDATE idempotency_keys SET order_id = '${orderId}' WHERE order_id = '00000000-0000-7000-8000-000000000000'`,
    ],
    says: /^\(d\) /,
  },
};

test.each(Object.entries(ORDER_HARM))("finds %s", async (_, { harm, says }) => {
  const [change, undo] = harm();
  await shop.truth.orders(change);
  expect(await violations(shop.truth, shop.ledger)).toContainEqual(expect.stringMatching(says));
  await shop.truth.orders(undo);
  expect(await violations(shop.truth, shop.ledger)).toEqual([]);
});

test("finds dead-lettered messages of every service that consumes the type", async () => {
  const queues = WORK_QUEUES.filter(({ types }) => types.includes("order.updated"));
  await shop.broker.send("order.updated", "poison");
  await eventually(async () =>
    expect(await violations(shop.truth, shop.ledger)).toEqual(
      queues.map(({ deadQueue }) => `(e) 1 messages in ${deadQueue}`),
    ),
  );
  for (const { deadQueue } of queues) await shop.broker.purge(deadQueue);
});

test("sees what is still in flight", async () => {
  await shop.ways.product.cut();
  await shop.ledger.place(shop.order.url, { productId, qty: 1 });
  await eventually(async () =>
    expect((await unrest(shop.truth)).join()).toMatch(/1 orders are pending,1 messages in product/),
  );
  await shop.ways.order.cut();
  await shop.ledger.place(shop.order.url, { productId, qty: 1 });
  expect((await unrest(shop.truth)).join()).toMatch(/1 events in the outbox of orders/);
  await Promise.all([shop.ways.order.restore(), shop.ways.product.restore()]);
  await shop.settlesRightly();
});

/** What the checker finds when a proxy changes the gateway's answers. */
async function differences(change: (text: string) => string): Promise<string[]> {
  const proxy = createServer((request, response) => {
    void call(`${it.gateway.url}${request.url}`).then(({ status, text }) => {
      response.writeHead(status, { "content-type": "application/json" }).end(change(text));
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", () => resolve()));
  const { port } = proxy.address() as AddressInfo;
  const sample = { orderIds: [orderId], productIds: [productId] };
  try {
    return await differencesAtTheDoor(`http://127.0.0.1:${port}`, shop.truth, sample);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}

test("(f) finds no difference between the gateway and PostgreSQL", async () => {
  expect(await differences((text) => text)).toEqual([]);
});

test.each([
  ["an outcome", '"status":"done"', '"status":"rejected"', /GET \/orders\/[0-9a-f-]+ says/],
  [
    "a list that lacks an order",
    /"items":\[.*\]/,
    '"items":[]',
    /GET \/orders\/product\/\d+, place 1, says undefined/,
  ],
  ["an older version", '"version":2', '"version":1', /GET \/products\/\d+ says/],
  ["another price", '"price":10', '"price":9.98', /GET \/products\/\d+ says/],
] as const)("(f) finds %s that is not in PostgreSQL", async (_, right, wrong, says) => {
  const found = await differences((text: string) => text.replace(right, wrong));
  expect(found).toContainEqual(expect.stringMatching(says));
});

test("(f) finds an order that the gateway does not show", async () => {
  const found = await differences((text) => (text.includes("totalPrice") ? "{}" : text));
  expect(found).toContainEqual(expect.stringMatching(/GET \/orders\/[0-9a-f-]+ says undefined/));
});
