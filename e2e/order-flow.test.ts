import { SERVICE_NAMES, SERVICES } from "@shop/contracts/services";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServiceProcess } from "@shop/test-support/service-process";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";
import type { Shop } from "./shop.fixture.ts";

let it: ShopWithGateway;
let shop: Shop;

beforeAll(async () => {
  it = await startShopWithGateway({
    orderService: { RECONCILE_AFTER_MS: "1000", RECONCILE_EVERY_MS: "100" },
  });
  shop = it.shop;
});
afterAll(() => it?.stop());

const many = <T>(count: number, one: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => one(n)));

const buy = (productId: number, qty = 1) => shop.ledger.place(it.gateway.url, { productId, qty });

/** So many at once, one after the other each, until they are told to stop or `each` orders are placed. */
const buyers = (count: number, each: number, productId: number) =>
  many(count, async () => {
    for (let n = 0; n < each; n += 1) await buy(productId);
  });

test("settles an order and takes its stock; one request id is in the logs of all programs", async () => {
  const { id: productId } = await shop.createProduct({ qty: 10, price: 19.99 });
  const requestId = "one-id-for-all";
  const wish = { productId, qty: 3, price: 19.99 };
  const { order } = await shop.ledger.place(it.gateway.url, wish, { requestId });
  expect(order).toMatchObject({ status: "pending", totalPrice: 59.97 });
  expect(await it.settled(order!.id)).toMatchObject({ status: "done", reason: null });
  expect(await shop.stockOf(productId)).toBe(7);
  const lines = (): string[] =>
    [...it.gateway.lines, ...shop.order.lines(), ...shop.product.lines()]
      .filter((line) => line.includes(`"${requestId}"`))
      .map((line) => JSON.parse(line) as { service: string; msg: string; event?: string })
      .map(({ service, msg, event = "" }) => `${service}: ${msg} ${event}`);
  await eventually(() =>
    expect(new Set(lines())).toEqual(
      new Set([
        "gateway: answered request",
        "order-service: event consumed order.updated",
        "order-service: event published order.created",
        "product-service: event consumed order.created",
        "product-service: event published order.updated",
      ]),
    ),
  );
});

test("sells 100 pieces to exactly 100 of 1,000 concurrent buyers", async () => {
  const { id: productId } = await shop.createProduct({ qty: 100 });
  // Straight to order-service: on a busy machine so many at once may take longer than the gateway's deadline.
  const entries = await many(1_000, () => shop.ledger.place(shop.order.url, { productId, qty: 1 }));
  expect(entries.filter(({ outcome }) => outcome !== "accepted")).toEqual([]);
  await shop.settlesRightly();
  expect(await shop.outcomes(productId)).toEqual({ done: 100, OUT_OF_STOCK: 900 });
  expect(await shop.stockOf(productId)).toBe(0);
});

test("loses no piece when prices change during sales", async () => {
  const { id: productId } = await shop.createProduct({ qty: 250, price: 1 });
  const selling = buyers(10, 30, productId);
  let price = 1;
  const sold = new AbortController();
  const stream = selling.finally(() => sold.abort());
  do {
    price += 1;
    await it.agent.put(`/products/${productId}`).send({ name: "Laptop", price }).expect(200);
    const entry = await shop.ledger.place(it.gateway.url, { productId, qty: 1, price });
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

test("rejects pending orders of a product that is deleted", async () => {
  const { id: productId } = await shop.createProduct({ qty: 100 });
  await buy(productId);
  await eventually(async () => expect(await shop.outcomes(productId)).toEqual({ done: 1 }));
  await shop.ways.product.cut();
  await many(20, () => buy(productId));
  await it.agent.delete(`/products/${productId}`).expect(204);
  expect(await shop.outcomes(productId)).toEqual({ done: 1, pending: 20 });
  await shop.ways.product.restore();
  await shop.settlesRightly();
  expect(await shop.outcomes(productId)).toEqual({ done: 1, PRODUCT_NOT_FOUND: 20 });
  await eventually(async () => expect((await buy(productId)).status).toBe(404));
  await shop.ready();
});

test("accepts orders before the broker is there, and settles them afterwards", async () => {
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

test("settles orders whose binding was deleted while another queue still receives their events", async () => {
  const { id: productId } = await shop.createProduct({ qty: 10 });
  const listener = await shop.connectBroker();
  const heard = await listener.receive("order.created");
  await shop.broker.unbind(ORDER_CREATED_QUEUE.name, "order.created");
  await many(20, () => buy(productId));
  await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(20));
  await shop.settlesRightly();
  expect(await shop.outcomes(productId)).toEqual({ done: 10, OUT_OF_STOCK: 10 });
  await listener.close();
});

const BFF_DEADLINE_MS = 2_000;
const CUP = { name: "Cup", price: 9.5, qty: 10 };

const created = async (): Promise<number> =>
  (await it.agent.post("/products").send(CUP).expect(201)).body.data.id;

test("serves products, and the BFF in part, while order-service is stopped", async () => {
  const id = await created();
  await it.agent.get(`/products/${id}-with-orders`).expect(200);
  await shop.order.end("SIGKILL");
  try {
    const startedAt = performance.now();
    const { body } = await it.agent.get(`/products/${id}-with-orders`).expect(200);
    expect(performance.now() - startedAt).toBeLessThan(BFF_DEADLINE_MS + 500);
    expect(body.data).toMatchObject({ product: { id }, orders: null });
    expect(body.meta).toMatchObject({ partial: true, unavailable: ["orders"] });

    const refused = await it.agent.post("/orders").send({ productId: id, qty: 1 }).expect(503);
    expect(refused.body.error.code).toBe("UNAVAILABLE");
    expect(refused.headers["retry-after"]).toBe("1");
    await it.agent.get(`/products/${id}`).expect(200);
    // The gateway keeps a health result for a moment.
    const health = await eventually(() => it.agent.get("/health").expect(503));
    expect(health.body.error).toMatchObject({
      code: "UNAVAILABLE",
      details: [{ path: "order-service" }],
    });
  } finally {
    await shop.order.start();
  }
  await eventually(async () => {
    const { body } = await it.agent.get(`/products/${id}-with-orders`).expect(200);
    expect(body.meta.partial).toBe(false);
  });
});

test("accepts orders of known products while product-service is stopped, and answers reads with 503", async () => {
  const productId = await created();
  const known = await it.agent.post("/orders").send({ productId, qty: 1 }).expect(201);
  await it.settled(known.body.data.id);
  await shop.product.end("SIGKILL");
  let waiting: string;
  try {
    const { body } = await it.agent.post("/orders").send({ productId, qty: 2 }).expect(201);
    waiting = body.data.id;
    for (const path of [
      `/products/${productId}`,
      "/products",
      `/products/${productId}-with-orders`,
    ]) {
      const answer = await it.agent.get(path).expect(503);
      expect(answer.body.error.code).toBe("UNAVAILABLE");
      expect(answer.headers["retry-after"]).toBe("1");
    }
    expect((await it.agent.get(`/orders/${waiting}`).expect(200)).body.data.status).toBe("pending");
  } finally {
    await shop.product.start();
  }
  expect(await it.settled(waiting)).toMatchObject({ status: "done" });
  await eventually(async () => {
    const { body } = await it.agent.get(`/products/${productId}`).expect(200);
    expect(body.data.qty).toBe(7);
  });
});

const settings = {
  NODE_ENV: "production",
  AUTH: "off",
  ADMIN_PORT: "0",
  ...Object.fromEntries(
    SERVICE_NAMES.map((name) => [SERVICES[name].urlsVariable, "http://127.0.0.1:9"]),
  ),
};

test.each(["SIGTERM", "SIGINT"] as const)("the gateway exits with 0 on %s", async (signal) => {
  const gateway = await startServiceProcess("gateway", settings);
  const startedAt = performance.now();
  expect(await gateway.end(signal)).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test("the gateway refuses a wrong configuration, and names every error", async () => {
  const wrong = { NODE_ENV: "production", TRUST_PROXY: "true", ADMIN_PORT: "0" };
  await expect(startServiceProcess("gateway", wrong)).rejects.toThrow(
    /PRODUCT_SERVICE_URLS[^]*TRUST_PROXY[^]*AUTH/,
  );
});
