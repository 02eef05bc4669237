import { eventually } from "@shop/test-support/eventually";
import { startServiceProcess } from "@shop/test-support/service-process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

let it: ShopWithGateway;

beforeAll(async () => {
  it = await startShopWithGateway();
});
afterAll(() => it.stop());

const BFF_DEADLINE_MS = 2_000;
const CUP = { name: "Cup", price: 9.5, qty: 10 };

const created = async (): Promise<number> =>
  (await it.agent.post("/products").send(CUP).expect(201)).body.data.id;

test("one request id is in the lines of the gateway, both services and both consumers", async () => {
  const productId = await created();
  const requestId = "from-door-to-door";
  const { body } = await it.agent
    .post("/orders")
    .set("x-request-id", requestId)
    .send({ productId, qty: 1 })
    .expect(201);
  await it.settled(body.data.id);
  const lines = (): string[] =>
    [...it.gateway.lines, ...it.shop.order.lines(), ...it.shop.product.lines()]
      .filter((line) => line.includes(`"${requestId}"`))
      .map((line) => JSON.parse(line) as { service: string; msg: string; event: string })
      .map(({ service, msg, event }) => `${service}: ${msg} ${event}`);
  await eventually(() =>
    expect(lines().toSorted()).toEqual([
      "gateway: answered request",
      "order-service: event taken order.updated",
      "order-service: event told order.created",
      "product-service: event taken order.created",
      "product-service: event told order.updated",
    ]),
  );
});

test("order-service stopped: products work, and the BFF answers in part, within its deadline", async () => {
  const id = await created();
  await it.agent.get(`/products/${id}-with-orders`).expect(200);
  await it.shop.order.end("SIGKILL");
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
    // What was found is told again for a moment.
    const health = await eventually(() => it.agent.get("/health").expect(503));
    expect(health.body.error).toMatchObject({
      code: "UNAVAILABLE",
      details: [{ path: "order-service" }],
    });
  } finally {
    await it.shop.order.start();
  }
  await eventually(async () => {
    const { body } = await it.agent.get(`/products/${id}-with-orders`).expect(200);
    expect(body.meta.partial).toBe(false);
  });
});

test("product-service stopped: known products can be ordered, and reads are 503 until it is back", async () => {
  const productId = await created();
  const known = await it.agent.post("/orders").send({ productId, qty: 1 }).expect(201);
  await it.settled(known.body.data.id);
  await it.shop.product.end("SIGKILL");
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
    await it.shop.product.start();
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
  PRODUCT_SERVICE_URLS: "http://127.0.0.1:9",
  ORDER_SERVICE_URLS: "http://127.0.0.1:9",
};

test.each(["SIGTERM", "SIGINT"] as const)("the gateway ends at %s with 0", async (signal) => {
  const gateway = await startServiceProcess("gateway", settings);
  const startedAt = performance.now();
  expect(await gateway.end(signal)).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test("the gateway does not start with a wrong configuration, and names all that is wrong", async () => {
  const wrong = { NODE_ENV: "production", TRUST_PROXY: "true", ADMIN_PORT: "0" };
  await expect(startServiceProcess("gateway", wrong)).rejects.toThrow(
    /PRODUCT_SERVICE_URLS[^]*TRUST_PROXY[^]*AUTH/,
  );
});
