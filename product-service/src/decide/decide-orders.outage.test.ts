import type { Order } from "@shop/contracts/order";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ordersFor, startFixture, type Fixture } from "../product-service.fixture.ts";

/** Below a client's timeout: an answer that cannot be given is a 503 by then. */
const BOUND_MS = 4_500;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
beforeEach(() => fixture.ready());
afterAll(() => fixture.stop());

const tellAll = (orders: readonly Order[]) => fixture.broker.publishAll("order.created", orders);

describe("a database that is away in the middle of a stream", () => {
  test.each([
    {
      how: "cut",
      hurt: () => fixture.ways.database.cut(),
      heal: () => fixture.ways.database.restore(),
    },
    {
      how: "stalled",
      hurt: async () => fixture.ways.database.stall(),
      heal: async () => fixture.ways.database.flow(),
    },
  ])("loses and doubles nothing, and clients get 503 in time: $how", async ({ hurt, heal }) => {
    const product = await fixture.createProduct({ qty: 500 });
    await fixture.cache.flushAll();
    const orders = ordersFor(product.id, 800);
    await tellAll(orders.slice(0, 400));
    await eventually(async () => expect(await fixture.outcomes(product.id)).toHaveProperty("done"));
    await hurt();
    await tellAll(orders.slice(400));

    const startedAt = performance.now();
    const path = `/products/${product.id}`;
    const answers = await Promise.all(
      [
        () => fixture.request("/products"),
        () => fixture.request("/products/1999999999"),
        () => fixture.request("/products", { body: { name: "x", price: 1, qty: 1 } }),
        () => fixture.request(path, { method: "PUT", body: { name: "x", price: 1 } }),
        () => fixture.request(path, { method: "DELETE" }),
      ].flatMap((work) => Array.from({ length: 5 }, work)),
    );
    expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);
    for (const { status, headers, body } of answers) {
      expect(status).toBe(503);
      expect(headers["retry-after"]).toMatch(/^\d+$/);
      expect(body).toEqual({ code: "UNAVAILABLE", message: expect.any(String), details: [] });
    }
    const ready = await fixture.request("/health/ready");
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({ status: "down", checks: { database: "down" } });
    expect((await fixture.request("/health/live")).status).toBe(200);
    expect((await fixture.request("/metrics")).status).toBe(200);

    await heal();
    await fixture.ready();
    await fixture.allSettled(orders);
  });

  test("loses and doubles nothing while its connections are terminated again and again", async () => {
    const { id } = await fixture.createProduct({ qty: 500 });
    const orders = ordersFor(id, 1_000);
    const streaming = (async () => {
      for (let n = 0; n < orders.length; n += 50) await tellAll(orders.slice(n, n + 50));
    })();
    for (let decided = 0; decided < 800; decided += 100) {
      await eventually(async () => {
        const counted = Object.values(await fixture.outcomes(id));
        expect(counted.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(decided);
      });
      await fixture.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'product-service'`,
      );
    }
    await streaming;
    await fixture.allSettled(orders);
    expect(await fixture.outcomes(id)).toEqual({ done: 500, OUT_OF_STOCK: 500 });
  });
});

describe("a broker that is away in the middle of a stream", () => {
  test("does not stop writes, and gets every event when it is back", async () => {
    const { id } = await fixture.createProduct({ qty: 500 });
    const events = await fixture.broker.receive(
      "product.created",
      "product.updated",
      "product.deleted",
    );
    const orders = ordersFor(id, 800);
    await tellAll(orders.slice(0, 400));
    await eventually(async () => expect(await fixture.outcomes(id)).toHaveProperty("done"));
    await fixture.ways.broker.cut();
    await tellAll(orders.slice(400));

    const written = await fixture.createProduct();
    const body = { name: "Desk", price: 1 };
    await fixture.request(`/products/${written.id}`, { method: "PUT", body });
    await fixture.request(`/products/${written.id}`, { method: "DELETE" });
    await eventually(async () => {
      const ready = await fixture.request("/health/ready");
      expect(ready.status).toBe(200);
      expect(ready.body).toMatchObject({
        status: "degraded",
        checks: { database: "ok", broker: "degraded", consumers: "degraded" },
      });
    });

    await fixture.ways.broker.restore();
    await fixture.ready();
    await fixture.allSettled(orders);
    expect(await fixture.outcomes(id)).toEqual({ done: 500, OUT_OF_STOCK: 300 });
    await eventually(() => {
      const types = events.filter(({ data }) => data.id === written.id).map(({ type }) => type);
      expect(new Set(types)).toEqual(
        new Set(["product.created", "product.updated", "product.deleted"]),
      );
    });
  });

  test("redelivers what was not acknowledged, and it changes nothing", async () => {
    const { id } = await fixture.createProduct({ qty: 100 });
    const orders = ordersFor(id, 60);
    await fixture.sql.holding(`SELECT 1 FROM products WHERE id = ${id} FOR UPDATE`, async () => {
      await tellAll(orders);
      // Delivered, and waiting for the lock: its ack will find the way stalled.
      await eventually(async () =>
        expect(await fixture.broker.depth(ORDER_CREATED_QUEUE.name)).toBe(0),
      );
      fixture.ways.broker.stall();
    });
    await eventually(async () => expect(await fixture.outcomes(id)).toHaveProperty("done"));
    await fixture.ways.broker.cut();
    fixture.ways.broker.flow();
    await fixture.ways.broker.restore();
    await fixture.allSettled(orders);
    expect(await fixture.stock(id)).toEqual({ is: 40, should: 40 });
  });
});
