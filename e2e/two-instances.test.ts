import { call } from "@shop/test-support/http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { between, randomOf } from "@shop/test-support/random";
import { startShop, type Shop } from "./shop.fixture.ts";

const BUYERS = 16;
const ORDERS_EACH = 40;

let shop: Shop;

beforeAll(async () => {
  shop = await startShop({ instances: 2 });
});
afterAll(() => shop.stop());

test("keeps sums right to the piece, and one order for each key, with two instances of each service under load", async () => {
  const random = randomOf(2);
  const products = await Promise.all(
    [50, 400, 1_000, 5_000].map((qty) => shop.createProduct({ qty })),
  );
  const instance = () => shop.orders[between(random, 0, 1)]!.url;
  await Promise.all(
    Array.from({ length: BUYERS }, async (_, buyer) => {
      for (let n = 0; n < ORDERS_EACH; n += 1) {
        const { id: productId } = products[between(random, 0, products.length - 1)]!;
        const wish = { productId, qty: between(random, 1, 9) };
        const key = `two-${buyer}-${n}`;
        // The same key at both instances at once, as an impatient client behind a load balancer.
        await Promise.all([
          shop.ledger.placeUntilAccepted(instance, wish, key),
          shop.ledger.placeUntilAccepted(instance, wish, key),
        ]);
      }
    }),
  );
  const { id: restocked } = products[0]!;
  const answer = await call(`${shop.products[1]!.url}/products/${restocked}`, {
    method: "PUT",
    body: { name: "Laptop", price: 10, qty: 33 },
  });
  expect(answer.status).toBe(200);

  await shop.settlesRightly();
  const rows = await shop.truth.orders("SELECT 1 FROM orders");
  expect(rows).toHaveLength(BUYERS * ORDERS_EACH);
  for (const service of [...shop.products, ...shop.orders]) {
    expect(service.lines().some((line) => line.includes("event consumed"))).toBe(true);
  }
});

test("shows at one instance what the other sold and changed", async () => {
  const [first, second] = shop.products;
  const { id: productId } = await shop.createProduct({ price: 1 });
  for (let price = 2; price < 12; price += 1) {
    await call(`${first!.url}/products/${productId}`, {
      method: "PUT",
      body: { name: "Laptop", price },
    });
    expect((await call(`${second!.url}/products/${productId}`)).body).toMatchObject({ price });
    for (const { url } of shop.orders) {
      const { order } = await shop.ledger.place(url, { productId, qty: 1, price });
      expect(order).toMatchObject({ unitPrice: price });
      const list = await call(`${shop.orders[0]!.url}/orders/product/${productId}?limit=1`);
      expect(list.body.items[0].id).toBe(order!.id);
    }
  }
  await shop.settlesRightly();
});
