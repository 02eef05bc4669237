import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomOf, shuffle } from "@shop/test-support/random";
import { startShop, type Shop } from "./shop.fixture.ts";

let shop: Shop;

beforeAll(async () => {
  shop = await startShop({ orderSettings: { SWEEP_AFTER_MS: "1000", SWEEP_EVERY_MS: "100" } });
});
afterAll(() => shop.stop());

const many = <T>(count: number, one: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => one(n)));

const buy = (productId: number, qty = 1) => shop.ledger.place(shop.order.url, { productId, qty });

/** So many at once, one after the other each, until they are told to stop or `each` orders are placed. */
const buyers = (count: number, each: number, productId: number) =>
  many(count, async () => {
    for (let n = 0; n < each; n += 1) await buy(productId);
  });

test("an order is done, its stock is taken, and one request id is in all lines of both services", async () => {
  const { id: productId } = await shop.createProduct({ qty: 10, price: 19.99 });
  const requestId = "one-id-for-all";
  const wish = { productId, qty: 3, price: 19.99 };
  const { order } = await shop.ledger.place(shop.order.url, wish, { requestId });
  expect(order).toMatchObject({ status: "pending", totalPrice: 59.97 });
  await eventually(async () =>
    expect(await shop.orderOf(order!.id)).toMatchObject({ status: "done", reason: null }),
  );
  expect(await shop.stockOf(productId)).toBe(7);

  const events = (lines: readonly string[]): string[] =>
    lines
      .filter((line) => line.includes(requestId) && line.includes('"event"'))
      .map((line) => JSON.parse(line) as { level: string; msg: string; event: string })
      .map(({ level, msg, event }) => `${level} ${msg} ${event}`);
  await eventually(() => {
    expect(events(shop.order.lines())).toEqual([
      "info event told order.created",
      "info event taken order.updated",
    ]);
    expect(events(shop.product.lines()).toSorted()).toEqual([
      "info event taken order.created",
      "info event told order.updated",
    ]);
  });
});

test("of 1,000 buyers at once of 100 pieces exactly 100 get one", async () => {
  const { id: productId } = await shop.createProduct({ qty: 100 });
  const entries = await many(1_000, () => buy(productId));
  expect(entries.filter(({ outcome }) => outcome !== "accepted")).toEqual([]);
  await shop.settlesRightly();
  expect(await shop.outcomes(productId)).toEqual({ done: 100, OUT_OF_STOCK: 900 });
  expect(await shop.stockOf(productId)).toBe(0);
});

test("prices change by PUT without qty under a stream of sales, and no piece is lost or made", async () => {
  const { id: productId } = await shop.createProduct({ qty: 250, price: 1 });
  const selling = buyers(10, 30, productId);
  let price = 1;
  const sold = new AbortController();
  const stream = selling.finally(() => sold.abort());
  do {
    price += 1;
    const answer = await call(`${shop.product.url}/products/${productId}`, {
      method: "PUT",
      body: { name: "Laptop", price },
    });
    expect(answer.status).toBe(200);
    const entry = await shop.ledger.place(shop.order.url, { productId, qty: 1, price });
    expect(entry).toMatchObject({ status: 201, order: { unitPrice: price } });
  } while (!sold.signal.aborted);
  await stream;
  await shop.settlesRightly();
  const { done = 0, OUT_OF_STOCK: rejected = 0 } = await shop.outcomes(productId);
  expect(done).toBe(250);
  expect(done + rejected).toBe(300 + price - 1);
  expect(await shop.stockOf(productId)).toBe(0);
  const paid = shop.ledger.accepted
    .filter(({ wish }) => wish.productId === productId)
    .map(({ order }) => order!.unitPrice);
  expect(paid.filter((one) => !Number.isInteger(one) || one < 1 || one > price)).toEqual([]);
});

test("a product that is deleted while its orders are pending: they are rejected, and then there is no such product", async () => {
  const { id: productId } = await shop.createProduct({ qty: 100 });
  await buy(productId);
  await eventually(async () => expect(await shop.outcomes(productId)).toEqual({ done: 1 }));
  await shop.ways.product.cut();
  await many(20, () => buy(productId));
  const removal = await call(`${shop.product.url}/products/${productId}`, { method: "DELETE" });
  expect(removal.status).toBe(204);
  expect(await shop.outcomes(productId)).toEqual({ done: 1, pending: 20 });
  await shop.ways.product.restore();
  await shop.settlesRightly();
  expect(await shop.outcomes(productId)).toEqual({ done: 1, PRODUCT_NOT_FOUND: 20 });
  await eventually(async () => expect((await buy(productId)).status).toBe(404));
  await shop.ready();
});

test("every message told twice and out of order changes nothing twice", async () => {
  const random = randomOf(20_261_120);
  const listener = await shop.connectBroker();
  const heard = await listener.hear("order.created", "order.updated");
  const { id: productId } = await shop.createProduct({ qty: 150 });
  const selling = buyers(10, 30, productId);
  const repeated = new Set<string>();
  let sold = false;
  const stream = selling.finally(() => (sold = true));
  await eventually(async () => {
    const fresh = heard.filter(({ id }) => !repeated.has(id));
    for (const { id } of fresh) repeated.add(id);
    await shop.broker.repeat(shuffle([...fresh, ...fresh], random));
    expect({ sold, fresh }).toEqual({ sold: true, fresh: [] });
  });
  await stream;
  await listener.close();
  await shop.settlesRightly();
  expect(await shop.outcomes(productId)).toEqual({ done: 150, OUT_OF_STOCK: 150 });
  expect(await shop.stockOf(productId)).toBe(0);
});

describe("the broker", () => {
  test("is away in the middle: every order is taken, and all are settled when it is back", async () => {
    const { id: productId } = await shop.createProduct({ qty: 60 });
    const selling = buyers(5, 20, productId);
    await eventually(async () => expect(await shop.outcomes(productId)).toHaveProperty("done"));
    await Promise.all([shop.ways.order.cut(), shop.ways.product.cut()]);
    await selling;
    const entries = await many(20, () => buy(productId));
    expect(entries.filter(({ outcome }) => outcome !== "accepted")).toEqual([]);
    await Promise.all([shop.ways.order.restore(), shop.ways.product.restore()]);
    await shop.settlesRightly();
    expect(await shop.outcomes(productId)).toEqual({ done: 60, OUT_OF_STOCK: 60 });
    await shop.ready();
  });

  test("is away at the start: every order is taken, and all are settled when it comes", async () => {
    const { id: productId } = await shop.createProduct({ qty: 10 });
    await Promise.all([shop.order.end("SIGTERM"), shop.product.end("SIGTERM")]);
    await Promise.all([shop.ways.order.cut(), shop.ways.product.cut()]);
    await Promise.all([shop.order.start(), shop.product.start()]);
    await eventually(async () => expect((await buy(productId)).status).toBe(201));
    const entries = await many(19, () => buy(productId));
    expect(entries.filter(({ outcome }) => outcome !== "accepted")).toEqual([]);
    await Promise.all([shop.ways.order.restore(), shop.ways.product.restore()]);
    await shop.settlesRightly();
    expect(await shop.outcomes(productId)).toEqual({ done: 10, OUT_OF_STOCK: 10 });
    await shop.ready();
  });

  test("is purged of what nobody has taken yet, both ways: all orders are settled all the same", async () => {
    const { id: productId } = await shop.createProduct({ qty: 20 });
    const depth = (queue: string, count: number) =>
      eventually(async () => expect(await shop.broker.depth(queue)).toBe(count));
    await buy(productId);
    await shop.settlesRightly();

    await shop.ways.product.cut();
    await many(10, () => buy(productId));
    await depth(ORDER_CREATED_QUEUE.name, 10);
    await shop.broker.purge(ORDER_CREATED_QUEUE.name);
    await many(5, () => buy(productId));
    await depth(ORDER_CREATED_QUEUE.name, 5);
    await shop.ways.order.cut();
    await shop.ways.product.restore();
    await depth(ORDER_UPDATED_QUEUE.name, 5);
    await shop.broker.purge(ORDER_UPDATED_QUEUE.name);
    await shop.ways.order.restore();
    await shop.settlesRightly();
    expect(await shop.outcomes(productId)).toEqual({ done: 16 });
    await shop.ready();
  });

  test.each([
    ["loses the queue of order.created", () => shop.broker.deleteQueue(ORDER_CREATED_QUEUE.name)],
    ["loses the queue of order.updated", () => shop.broker.deleteQueue(ORDER_UPDATED_QUEUE.name)],
    [
      "loses the binding of order.created",
      () => shop.broker.unbind(ORDER_CREATED_QUEUE.name, "order.created"),
    ],
  ])("%s under load: all orders are settled all the same", async (_, harm) => {
    const { id: productId } = await shop.createProduct({ qty: 50 });
    const selling = buyers(10, 20, productId);
    await eventually(() => {
      const placed = shop.ledger.accepted.filter(({ wish }) => wish.productId === productId);
      expect(placed.length).toBeGreaterThan(60);
    });
    // Once: of two deletions around a declaration RabbitMQ leaves a queue that nobody can declare (rabbitmq-server#17457).
    await harm();
    await selling;
    await shop.settlesRightly();
    expect(await shop.outcomes(productId)).toEqual({ done: 50, OUT_OF_STOCK: 150 });
    await shop.ready();
  });

  test("loses the binding of order.created while somebody else hears it: all orders are settled all the same", async () => {
    const { id: productId } = await shop.createProduct({ qty: 10 });
    const listener = await shop.connectBroker();
    const heard = await listener.hear("order.created");
    await shop.broker.unbind(ORDER_CREATED_QUEUE.name, "order.created");
    await many(20, () => buy(productId));
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(20));
    await shop.settlesRightly();
    expect(await shop.outcomes(productId)).toEqual({ done: 10, OUT_OF_STOCK: 10 });
    await listener.close();
  });
});
