import type { Order } from "@shop/contracts/order";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eventOf } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { orderFor, ordersFor, startFixture, type Fixture } from "../product-service.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
beforeEach(() => fixture.ready());
afterAll(() => fixture.stop());

const tellAll = (orders: readonly Order[]) => fixture.broker.publishAll("order.created", orders);
const outcomesOf = (orderId: string): (string | null)[] =>
  fixture.toldOf(orderId).map(({ data }) => data.reason ?? data.status);

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

describe("an order", () => {
  test("takes its stock, and its outcome is published under its request id", async () => {
    const product = await fixture.createProduct({ qty: 10 });
    const updates = await fixture.broker.receive("product.updated");
    const order = orderFor(product.id, { qty: 3 });
    await fixture.broker.publish("order.created", order, { requestId: "order-1" });
    await eventually(() => expect(fixture.toldOf(order.id)).toHaveLength(1));
    expect(fixture.toldOf(order.id)[0]).toMatchObject({
      type: "order.updated",
      requestId: "order-1",
      data: {
        orderId: order.id,
        productId: product.id,
        status: "done",
        reason: null,
        decidedAt: expect.stringMatching(/Z$/),
      },
    });
    await eventually(async () =>
      expect((await fixture.request(`/products/${product.id}`)).body).toMatchObject({
        qty: 7,
        version: 2,
        price: product.price,
      }),
    );
    await fixture.allSettled([order]);
    // A sale alone is no client's write.
    expect(updates).toEqual([]);
  });

  test("may take exactly the rest; the next one is out of stock and changes no product", async () => {
    const { id } = await fixture.createProduct({ qty: 5 });
    const [exact, late] = [orderFor(id, { qty: 5 }), orderFor(id, { qty: 1 })];
    await fixture.broker.publish("order.created", exact);
    await eventually(() => expect(outcomesOf(exact.id)).toEqual(["done"]));
    await fixture.broker.publish("order.created", late);
    await eventually(() => expect(outcomesOf(late.id)).toEqual(["OUT_OF_STOCK"]));
    await fixture.cache.del(`product:${id}`);
    expect((await fixture.request(`/products/${id}`)).body).toMatchObject({ qty: 0, version: 2 });
  });

  test("is rejected when its product is unknown", async () => {
    const order = orderFor(2_147_483_647);
    await fixture.broker.publish("order.created", order);
    await eventually(() => expect(outcomesOf(order.id)).toEqual(["PRODUCT_NOT_FOUND"]));
  });

  test("is rejected when its product was deleted while it was pending", async () => {
    const { id } = await fixture.createProduct({ qty: 1_000 });
    const early = ordersFor(id, 20);
    await tellAll(early);
    await eventually(async () => expect((await fixture.outcomes(id))["done"]).toBe(20));
    await fixture.ways.broker.cut();
    const pending = ordersFor(id, 50);
    await tellAll(pending);
    expect((await fixture.request(`/products/${id}`, { method: "DELETE" })).status).toBe(204);
    await fixture.ways.broker.restore();
    await fixture.allSettled([...early, ...pending]);
    expect(await fixture.outcomes(id)).toEqual({ done: 20, PRODUCT_NOT_FOUND: 50 });
  });

  test("is done before its product is deleted, or rejected after", async () => {
    const { id } = await fixture.createProduct({ qty: 1_000_000 });
    const orders = ordersFor(id, 600);
    const streaming = tellAll(orders);
    await eventually(async () => expect(await fixture.outcomes(id)).toHaveProperty("done"));
    expect((await fixture.request(`/products/${id}`, { method: "DELETE" })).status).toBe(204);
    await streaming;
    await fixture.allSettled(orders);
    const counted = await fixture.outcomes(id);
    expect(Object.keys(counted)).not.toContain("OUT_OF_STOCK");
    expect((counted["done"] ?? 0) + (counted["PRODUCT_NOT_FOUND"] ?? 0)).toBe(600);
    expect((await fixture.request(`/products/${id}`)).status).toBe(404);
  });
});

describe("an order that comes again", () => {
  test("takes its stock once, and its outcome is published again", async () => {
    const { id } = await fixture.createProduct({ qty: 10 });
    const order = orderFor(id, { qty: 4 });
    await tellAll(Array(20).fill(order));
    await eventually(() => expect(outcomesOf(order.id)).toContain("done"));
    await eventually(() => fixture.atRest());
    const before = fixture.toldOf(order.id);
    await fixture.broker.publish("order.created", order, { requestId: "again-1" });
    await eventually(() =>
      expect(
        fixture.toldOf(order.id).find(({ requestId }) => requestId === "again-1")?.data,
      ).toEqual(before[0]?.data),
    );
    expect(await fixture.stock(id)).toEqual({ is: 6, should: 6 });
    await fixture.allSettled([order]);
  });

  test("stays rejected although there is stock now", async () => {
    const { id } = await fixture.createProduct({ qty: 0 });
    const order = orderFor(id);
    await fixture.broker.publish("order.created", order);
    await eventually(() => expect(outcomesOf(order.id)).toEqual(["OUT_OF_STOCK"]));
    const body = { name: "Laptop", price: 1, qty: 5 };
    await fixture.request(`/products/${id}`, { method: "PUT", body });
    await fixture.broker.publish("order.created", order);
    await eventually(() => expect(outcomesOf(order.id)).toEqual(["OUT_OF_STOCK", "OUT_OF_STOCK"]));
    expect(await fixture.stock(id)).toEqual({ is: 5, should: 5 });
  });

  test("stays done although its product was deleted", async () => {
    const { id } = await fixture.createProduct();
    const order = orderFor(id);
    await fixture.broker.publish("order.created", order);
    await eventually(() => expect(outcomesOf(order.id)).toEqual(["done"]));
    await fixture.request(`/products/${id}`, { method: "DELETE" });
    await fixture.broker.publish("order.created", order);
    await eventually(() => expect(outcomesOf(order.id)).toEqual(["done", "done"]));
  });

  test("is the same order with its id in capitals", async () => {
    const { id } = await fixture.createProduct({ qty: 10 });
    const order = orderFor(id);
    await tellAll([order, { ...order, id: order.id.toUpperCase() }]);
    await fixture.broker.publish("order.created", { ...order, id: order.id.toUpperCase() });
    await fixture.allSettled([order]);
    expect(await fixture.stock(id)).toEqual({ is: 9, should: 9 });
  });

  test("gets the outcome of another instance that decided it at the same moment, and the rest of its batch is decided", async () => {
    const { id } = await fixture.createProduct({ qty: 10 });
    const [theirs, ours] = [orderFor(1_666_666_666), orderFor(id)];
    await fixture.sql.holding(
      `INSERT INTO stock_movements (order_id, product_id, qty, status, reason)
       VALUES ('${theirs.id}', ${theirs.productId}, 1, 'rejected', 'PRODUCT_NOT_FOUND')`,
      async () => {
        await tellAll([theirs, ours]);
        await eventually(async () => expect(await fixture.lockWaits()).not.toEqual([]));
      },
      "COMMIT",
    );
    await fixture.allSettled([theirs, ours]);
    expect(await fixture.stock(id)).toEqual({ is: 9, should: 9 });
    expect(fixture.log.lines).toContainEqual(
      expect.objectContaining({
        msg: "a batch waits for the database",
        err: expect.objectContaining({ type: "DecidedElsewhere" }),
      }),
    );
  });

  test("D12: waits while its product is locked for long, and orders of other products are decided meanwhile", async () => {
    const [stuck, free] = [
      await fixture.createProduct({ qty: 100 }),
      await fixture.createProduct({ qty: 100 }),
    ];
    const [theirs, ours] = [ordersFor(stuck.id, 30), ordersFor(free.id, 30)];
    await fixture.sql.holding(
      `SELECT 1 FROM products WHERE id = ${stuck.id} FOR UPDATE`,
      async () => {
        await tellAll(shuffled([...theirs.slice(0, 20), ...ours.slice(0, 20)]));
        await fixture.allDecided(ours.slice(0, 20));
        // From then on no batch waits for that row.
        const startedAt = performance.now();
        await tellAll(shuffled([...theirs.slice(20), ...ours.slice(20)]));
        await fixture.allDecided(ours);
        expect(performance.now() - startedAt).toBeLessThan(1_400);
        expect(await fixture.outcomes(stuck.id)).toEqual({});
      },
    );
    await fixture.allSettled([...theirs, ...ours]);
    expect(await fixture.outcomes(stuck.id)).toEqual({ done: 30 });
    expect(await fixture.stock(stuck.id)).toEqual({ is: 70, should: 70 });
    expect(await fixture.stock(free.id)).toEqual({ is: 70, should: 70 });
  });

  test("is decided once when all come three times and shuffled", async () => {
    const products = await Promise.all([40, 0, 1_000].map((qty) => fixture.createProduct({ qty })));
    const orders = [...products.map(({ id }) => id), 1_999_999_999].flatMap((id) =>
      ordersFor(id, 100),
    );
    await tellAll(shuffled([...orders, ...orders, ...orders]));
    await fixture.allSettled(orders);
    const [some, none, enough] = await Promise.all(products.map(({ id }) => fixture.outcomes(id)));
    expect(some).toEqual({ done: 40, OUT_OF_STOCK: 60 });
    expect(none).toEqual({ OUT_OF_STOCK: 100 });
    expect(enough).toEqual({ done: 100 });
  });
});

describe("a message that is not an order.created", () => {
  test("is dead-lettered, and the orders around it are decided in time", async () => {
    const { id } = await fixture.createProduct({ qty: 100 });
    const event = (data: object, envelope: object = {}): string =>
      JSON.stringify(eventOf("order.created", { ...orderFor(id), ...data }, envelope));
    const poison = [
      "",
      "not json",
      "null",
      "[]",
      '"order.created"',
      event({ qty: 0 }),
      event({ qty: "1" }),
      event({ productId: 2_147_483_648 }),
      event({ id: "no-uuid" }),
      event({}, { type: "order.unknown" }),
      event({}, { type: "order.updated" }),
      event({}, { type: ["order.created"] }),
      event({}, { requestId: "two\nlines" }),
      JSON.stringify({ ...orderFor(id) }),
      "[".repeat(100_000),
      "x".repeat(5_000_000),
      `{"padding":"${"x".repeat(5_000_000)}"}`,
    ];
    const orders = ordersFor(id, poison.length * 2);
    for (const [index, content] of poison.entries()) {
      await tellAll(orders.slice(index * 2, index * 2 + 2));
      await fixture.broker.send("order.created", content);
    }
    await eventually(async () =>
      expect(await fixture.outcomes(id)).toEqual({ done: orders.length }),
    );
    const { deadQueue } = ORDER_CREATED_QUEUE;
    await eventually(async () => expect(await fixture.broker.depth(deadQueue)).toBe(poison.length));
    const deadLettered: string[] = [];
    for (const _ of poison)
      deadLettered.push(String((await fixture.broker.take(deadQueue))?.content));
    expect(deadLettered.toSorted()).toEqual(poison.toSorted());
    await fixture.allSettled(orders);

    const lines = fixture.log.lines.filter(({ msg }) => msg === "a message was dead-lettered");
    expect(lines).toHaveLength(poison.length);
    expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(2_000);
  });

  test("is one also with fields that are not known yet", async () => {
    const { id } = await fixture.createProduct();
    const order = { ...orderFor(id), coupon: "new" };
    await fixture.broker.publish("order.created", order, { version: 2, traceparent: "new" });
    await eventually(() => expect(outcomesOf(order.id)).toEqual(["done"]));
  });
});

describe("many orders", () => {
  test("sell 100 pieces to 100 of 1,000 buyers", async () => {
    const { id } = await fixture.createProduct({ qty: 100 });
    const orders = ordersFor(id, 1_000);
    await tellAll(orders);
    await fixture.allSettled(orders);
    expect(await fixture.outcomes(id)).toEqual({ done: 100, OUT_OF_STOCK: 900 });
    expect(await fixture.stock(id)).toEqual({ is: 0, should: 0 });
    const metrics = (await fixture.request("/metrics")).text;
    expect(metrics).toMatch(/^orders_decided_total\{status="done"\} \d+$/m);
    expect(metrics).toMatch(/^orders_decided_before_total \d+$/m);
  });

  test("add up to the piece with two instances and many duplicates", async () => {
    const other = await fixture.startAnother();
    await fixture.ready(other.url);
    try {
      const products = await Promise.all(
        Array.from({ length: 10 }, (_, n) => fixture.createProduct({ qty: n * 100 })),
      );
      const unknown = 1_888_888_888;
      const orders = [...products.map(({ id }) => id), unknown].flatMap((id) =>
        Array.from({ length: 200 }, (_, n) => orderFor(id, { qty: 1 + (n % 5) })),
      );
      await tellAll(shuffled([...orders, ...orders.slice(0, 1_000), ...orders.slice(-200)]));
      await tellAll(shuffled(orders.slice(0, 300)));
      await fixture.allSettled(orders);
      for (const { id } of products) {
        const counted = Object.values(await fixture.outcomes(id));
        expect(counted.reduce((sum, count) => sum + count, 0)).toBe(200);
      }
      expect(await fixture.outcomes(unknown)).toEqual({ PRODUCT_NOT_FOUND: 200 });
    } finally {
      await other.stop();
    }
  });

  test("lose no sale beside replacements without qty", async () => {
    const { id } = await fixture.createProduct({ qty: 1_000 });
    const orders = ordersFor(id, 700);
    const sales = (async () => {
      for (let n = 0; n < orders.length; n += 10) await tellAll(orders.slice(n, n + 10));
    })();
    for (let price = 1; price <= 40; price += 1) {
      const { status } = await fixture.request(`/products/${id}`, {
        method: "PUT",
        body: { name: "Laptop", price },
      });
      expect(status).toBe(200);
    }
    await sales;
    await fixture.allSettled(orders);
    expect(await fixture.stock(id)).toEqual({ is: 300, should: 300 });
    expect(
      await fixture.sql("SELECT id FROM stock_adjustments WHERE product_id = $1", [id]),
    ).toEqual([]);
    await eventually(async () =>
      expect((await fixture.request(`/products/${id}`)).body).toMatchObject({
        qty: 300,
        price: 40,
      }),
    );
  });

  test("add up to initial + adjustments − done beside replacements with qty", async () => {
    const { id } = await fixture.createProduct({ qty: 50 });
    const orders = ordersFor(id, 500, { qty: 2 });
    const sales = (async () => {
      for (let n = 0; n < orders.length; n += 10) await tellAll(orders.slice(n, n + 10));
    })();
    for (let n = 0; n < 20; n += 1) {
      const body = { name: "Laptop", price: 1, qty: n % 3 === 0 ? 0 : 30 };
      const answer = await fixture.request(`/products/${id}`, { method: "PUT", body });
      expect(answer.body.qty).toBe(body.qty);
    }
    await sales;
    await fixture.allSettled(orders);
    const adjustments = await fixture.sql<{ delta: number }>(
      "SELECT delta FROM stock_adjustments WHERE product_id = $1",
      [id],
    );
    expect(adjustments.length).toBeGreaterThan(0);
    expect(adjustments.every(({ delta }) => delta !== 0)).toBe(true);
  });
});
