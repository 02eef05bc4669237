import type { Order } from "@shop/contracts/order";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const countOrders = async (productId: number): Promise<number> =>
  (await fixture.sql("SELECT 1 FROM orders WHERE product_id = $1", [productId])).length;

const walk = async (path: string, between: () => Promise<unknown>): Promise<Order[]> => {
  const seen: Order[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query = cursor === "" ? "" : `&cursor=${cursor}`;
    const { status, body } = await fixture.request(`${path}${query}`);
    expect(status).toBe(200);
    seen.push(...body.items);
    cursor = body.nextCursor;
    await between();
  }
  return seen;
};

describe("POST /orders", () => {
  test("stores, publishes and answers a pending order with its Location", async () => {
    const events = await fixture.broker.receive("order.created");
    const { id: productId } = fixture.products.put({ price: 19.99 });
    const { status, headers, body } = await fixture.request("/orders", {
      body: { productId, qty: 3 },
      headers: { "x-request-id": "place-1" },
    });

    expect(status).toBe(201);
    expect(headers).toMatchObject({
      location: `/orders/${body.id}`,
      "x-request-id": "place-1",
      "content-type": "application/json; charset=utf-8",
    });
    expect(headers).not.toHaveProperty("idempotency-replayed");
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
      productId,
      qty: 3,
      unitPrice: 19.99,
      totalPrice: 59.97,
      status: "pending",
      reason: null,
      createdAt: expect.any(String),
      updatedAt: body.createdAt,
    });
    expect(await countOrders(productId)).toBe(1);
    await eventually(() =>
      expect(events).toContainEqual(expect.objectContaining({ requestId: "place-1", data: body })),
    );
    expect((await fixture.request(headers["location"] as string)).body).toEqual(body);
  });

  test.each([
    [9_999_999.99, 10_000, 99_999_999_900],
    [9_999_999.99, 9_999, 99_989_999_900.01],
    [0.07, 3, 0.21],
    [1.1, 3, 3.3],
    [0, 5, 0],
  ])("calculates the total of %d x %d exactly to the cent", async (price, qty, total) => {
    const { id: productId } = fixture.products.put({ price });
    const order = await fixture.placed({ productId, qty });
    expect(order).toMatchObject({ unitPrice: price, totalPrice: total });
    expect((await fixture.request(`/orders/${order.id}`)).body).toEqual(order);
    const [row] = await fixture.sql("SELECT total_price_cents FROM orders WHERE id = $1", [
      order.id,
    ]);
    expect(row).toEqual({ total_price_cents: String(Math.round(total * 100)) });
  });

  test.each([
    ["no quantity", { qty: undefined }, ["qty"]],
    ["qty 0", { qty: 0 }, ["qty"]],
    ["qty -1", { qty: -1 }, ["qty"]],
    ["qty 10001", { qty: 10_001 }, ["qty"]],
    ["qty 1.5", { qty: 1.5 }, ["qty"]],
    ["qty in a string", { qty: "1" }, ["qty"]],
    ["qty null", { qty: null }, ["qty"]],
    ["no product", { productId: undefined }, ["productId"]],
    ["productId 0", { productId: 0 }, ["productId"]],
    ["productId above 32 bits", { productId: 2_147_483_648 }, ["productId"]],
    ["productId with decimals", { productId: 1.5 }, ["productId"]],
    ["productId in a string", { productId: "1" }, ["productId"]],
    ["a negative price", { price: -0.01 }, ["price"]],
    ["a price above the highest", { price: 10_000_000 }, ["price"]],
    ["a price with 3 decimals", { price: 1.999 }, ["price"]],
    ["a price that is not quite one", { price: 0.30000000000000004 }, ["price"]],
    ["a price in a string", { price: "19.99" }, ["price"]],
    ["a price that is null", { price: null }, ["price"]],
    ["unknown fields", { status: "done", unitPrice: 1 }, ["status", "unitPrice"]],
    [
      "everything wrong at once",
      { productId: "x", qty: 0, price: -1, unknown: "" },
      ["productId", "qty", "price", "unknown"],
    ],
  ])("rejects %s and names every wrong field", async (_, change, fields) => {
    const { id: productId } = fixture.products.put();
    const { status, body } = await fixture.place({ productId, qty: 1, ...change });
    expect(status).toBe(400);
    expect(body.code).toBe("VALIDATION_FAILED");
    expect(body.details.map(({ path }: { path: string }) => path).toSorted()).toEqual(
      fields.toSorted(),
    );
    expect(await countOrders(productId)).toBe(0);
  });

  test.each([
    ["nothing", undefined, 400, "VALIDATION_FAILED"],
    ["a list", [], 400, "VALIDATION_FAILED"],
    ["a string", '"order"', 400, "VALIDATION_FAILED"],
    ["null", "null", 400, "VALIDATION_FAILED"],
    ["half an object", '{"productId": 1', 400, "MALFORMED_JSON"],
    ["a number that JSON does not have", '{"productId": 1, "qty": 01}', 400, "MALFORMED_JSON"],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22]), 400, "MALFORMED_JSON"],
    ["__proto__", '{"productId":1,"qty":1,"__proto__":{"a":1}}', 400, "VALIDATION_FAILED"],
    ["over 100 kB", `{"note":"${"x".repeat(103_000)}"}`, 413, "PAYLOAD_TOO_LARGE"],
  ])("rejects a body that is %s", async (_, body, status, code) => {
    const answer = await fixture.request("/orders", { method: "POST", body });
    expect(answer).toMatchObject({ status, body: { code } });
  });

  test("rejects another media type with 415", async () => {
    const headers = { "content-type": "text/plain" };
    const answer = await fixture.request("/orders", { body: '{"productId":1,"qty":1}', headers });
    expect(answer).toMatchObject({ status: 415, body: { code: "UNSUPPORTED_MEDIA_TYPE" } });
  });

  test("reads numbers by JSON's own rules", async () => {
    const { id } = fixture.products.put();
    const { status, body } = await fixture.place(`{"productId":${id}.0,"qty":7,"qty":2e0}`);
    expect(status).toBe(201);
    expect(body).toMatchObject({ productId: id, qty: 2 });
  });

  test("accepts the current price, and rejects another one with the current one", async () => {
    const { id: productId } = fixture.products.put({ price: 0.3 });
    expect((await fixture.place({ productId, qty: 1, price: 0.3 })).status).toBe(201);
    const { status, body } = await fixture.place({ productId, qty: 1, price: 0.31 });
    expect(status).toBe(409);
    expect(body).toMatchObject({
      code: "PRICE_CHANGED",
      details: [{ path: "price", message: expect.stringContaining("0.3") }],
    });
    expect(await countOrders(productId)).toBe(1);
  });

  test("answers 404 for an unknown product, and writes nothing", async () => {
    const { status, body } = await fixture.place({ productId: 2_147_483_647, qty: 1 });
    expect(status).toBe(404);
    expect(body.code).toBe("PRODUCT_NOT_FOUND");
    expect(await countOrders(2_147_483_647)).toBe(0);
    expect(await fixture.sql("SELECT 1 FROM outbox WHERE payload LIKE '%2147483647%'")).toEqual([]);
  });

  test("asks product-service with the request's id", async () => {
    const { id: productId } = fixture.products.put();
    await fixture.place({ productId, qty: 1 }, { "x-request-id": "asks-with-it" });
    expect(fixture.products.requestIds).toContain("asks-with-it");
  });
});

describe("GET /orders/:id", () => {
  test.each(["1", "not-a-uuid", "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b2", "%00"])(
    "rejects %s as an id",
    async (id) => {
      const answer = await fixture.request(`/orders/${id}`);
      expect(answer).toMatchObject({ status: 400, body: { code: "VALIDATION_FAILED" } });
    },
  );

  test("answers 404 for an unknown id", async () => {
    const answer = await fixture.request("/orders/019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20");
    expect(answer).toMatchObject({ status: 404, body: { code: "ORDER_NOT_FOUND", details: [] } });
  });

  test("finds an id in capitals", async () => {
    const order = await fixture.placed({ productId: fixture.products.put().id });
    const { body } = await fixture.request(`/orders/${order.id.toUpperCase()}`);
    expect(body).toEqual(order);
  });
});

describe("GET /orders/product/:productId", () => {
  test("answers an empty list without orders", async () => {
    const { status, body } = await fixture.request("/orders/product/2147483646");
    expect(status).toBe(200);
    expect(body).toEqual({ items: [], nextCursor: null });
  });

  test("answers orders newest first, 20 without a limit", async () => {
    const { id: productId } = fixture.products.put();
    const placed: Order[] = [];
    for (let n = 0; n < 23; n += 1) placed.push(await fixture.placed({ productId }));
    const newestFirst = placed.toSorted((a, b) => (a.id < b.id ? 1 : -1));

    const list = async (query: string) =>
      (await fixture.request(`/orders/product/${productId}${query}`)).body;
    expect((await list("")).items).toEqual(newestFirst.slice(0, 20));
    expect((await list("?limit=1")).items).toEqual(newestFirst.slice(0, 1));
    const whole = await list("?limit=100");
    expect(whole).toEqual({ items: newestFirst, nextCursor: null });
    expect((await list("?limit=23")).nextCursor).toBeNull();
    expect((await list("?limit=22")).nextCursor).not.toBeNull();
  });

  test.each([1, 7, 20, 21])(
    "neither skips nor repeats in pages of %d while orders arrive",
    async (limit) => {
      const { id: productId } = fixture.products.put();
      const before = await Promise.all(
        Array.from({ length: 22 }, () => fixture.placed({ productId })),
      );
      const seen = await walk(`/orders/product/${productId}?limit=${limit}`, () =>
        fixture.placed({ productId }),
      );
      const ids = seen.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids).toEqual(ids.toSorted().toReversed());
      expect(ids.toSorted()).toEqual(before.map(({ id }) => id).toSorted());
    },
  );

  test.each(["0", "01", "-1", "1.0", "abc", "2147483648", "99999999999", "%31%20"])(
    "rejects %s as a product's id",
    async (id) => {
      const answer = await fixture.request(`/orders/product/${id}`);
      expect(answer).toMatchObject({ status: 400, body: { code: "VALIDATION_FAILED" } });
    },
  );

  test.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=1.5", "limit"],
    ["limit=abc", "limit"],
    ["limit=", "limit"],
    ["limit=1&limit=2", "limit"],
    ["cursor=a&cursor=b", "cursor"],
    ["offset=1", "offset"],
  ])("rejects the query %s by name", async (query, path) => {
    const { status, body } = await fixture.request(`/orders/product/1?${query}`);
    expect(status).toBe(400);
    expect(body.code).toBe("VALIDATION_FAILED");
    expect(body.details).toContainEqual(expect.objectContaining({ path }));
  });

  test.each([
    "",
    "xyz",
    "%00",
    "b3JkZXI6",
    Buffer.from("product:12").toString("base64url"),
    `${Buffer.from("order:019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20").toString("base64url")}=`,
    "A".repeat(500),
  ])("rejects the cursor %j", async (cursor) => {
    const answer = await fixture.request(`/orders/product/1?cursor=${cursor}`);
    expect(answer).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
  });
});

describe("every route", () => {
  test("answers HEAD as GET, without the body", async () => {
    const order = await fixture.placed({ productId: fixture.products.put().id });
    for (const path of [`/orders/${order.id}`, `/orders/product/${order.productId}`]) {
      const get = await fixture.request(path);
      const head = await fixture.request(path, { method: "HEAD" });
      expect(head).toMatchObject({ status: 200, text: "" });
      expect(head.headers["content-length"]).toBe(get.headers["content-length"]);
    }
    const missing = await fixture.request("/orders/019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20", {
      method: "HEAD",
    });
    expect(missing).toMatchObject({ status: 404, text: "" });
  });

  test.each([
    ["GET", "/orders"],
    ["GET", "/orders/product/1/more"],
    ["PUT", "/orders/019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20"],
    ["DELETE", "/orders/019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20"],
    ["GET", "/products/1"],
  ])("answers 404 for %s %s, which is no route", async (method, path) => {
    const answer = await fixture.request(path, { method });
    expect(answer).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });

  test.each(["", "bad id", "x".repeat(65), 'a"b'])("replaces the request id %j", async (id) => {
    const { headers } = await fixture.request("/orders/product/1", {
      headers: { "x-request-id": id },
    });
    expect(headers["x-request-id"]).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    expect(headers["x-request-id"]).not.toBe(id);
  });
});
