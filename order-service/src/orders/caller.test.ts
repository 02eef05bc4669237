import type { Order } from "@shop/contracts/order";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

const TOKEN = "a-token-that-only-programs-of-the-shop-know";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture({ INTERNAL_TOKEN: TOKEN });
});
afterAll(() => fixture.stop());

const as = (subject: string, scopes = "orders:write"): Record<string, string> => ({
  "x-internal-token": TOKEN,
  "x-subject": subject,
  "x-scopes": scopes,
});

const placeAs = async (subject: string, productId: number): Promise<Order> => {
  const { status, body } = await fixture.place({ productId, qty: 1 }, as(subject));
  expect(status).toBe(201);
  return body as Order;
};

const idsOf = async (path: string, headers: Record<string, string>): Promise<string[]> => {
  const { status, body } = await fixture.request(path, { headers });
  expect(status).toBe(200);
  return (body.items as Order[]).map(({ id }) => id);
};

describe("with an internal token", () => {
  test("answers 401 without it, whatever the path", async () => {
    for (const token of ["", `${TOKEN}x`, TOKEN.toUpperCase()]) {
      const headers = { "x-internal-token": token };
      for (const path of ["/orders/product/1", "/no-such-route", "/metrics/x"]) {
        expect(await fixture.request(path, { headers })).toMatchObject({
          status: 401,
          body: { code: "UNAUTHENTICATED", details: [] },
        });
      }
    }
  });

  test("answers health and metrics without it", async () => {
    for (const path of ["/health/live", "/health/ready", "/metrics"]) {
      expect((await fixture.request(path)).status).toBe(200);
    }
  });

  test("asks product-service with it", async () => {
    const { id } = fixture.products.put();
    await placeAs("asks", id);
    expect(fixture.products.tokens.at(-1)).toBe(TOKEN);
  });
});

describe("a caller", () => {
  test("reads its own orders only; another's is 404", async () => {
    const { id: productId } = fixture.products.put();
    const [anna, bert] = [await placeAs("anna", productId), await placeAs("bert", productId)];

    expect((await fixture.request(`/orders/${anna.id}`, { headers: as("anna") })).status).toBe(200);
    expect(await fixture.request(`/orders/${anna.id}`, { headers: as("bert") })).toMatchObject({
      status: 404,
      body: { code: "ORDER_NOT_FOUND" },
    });
    expect(await idsOf(`/orders/product/${productId}`, as("anna"))).toEqual([anna.id]);
    expect(await idsOf(`/orders/product/${productId}`, as("bert"))).toEqual([bert.id]);
    expect(await idsOf(`/orders/product/${productId}`, as("carl"))).toEqual([]);
  });

  test("with orders:read reads all", async () => {
    const { id: productId } = fixture.products.put();
    const orders = [await placeAs("anna", productId), await placeAs("bert", productId)];
    const headers = as("clerk", "orders:read");

    expect((await fixture.request(`/orders/${orders[0]!.id}`, { headers })).status).toBe(200);
    expect((await idsOf(`/orders/product/${productId}`, headers)).toSorted()).toEqual(
      orders.map(({ id }) => id).toSorted(),
    );
  });

  test("never sees another's list, whatever is in the cache", async () => {
    const { id: productId } = fixture.products.put();
    const anna = await placeAs("anna", productId);
    const all = as("clerk", "orders:read");
    for (const [headers, seen] of [
      [all, [anna.id]],
      [as("bert"), []],
      [as("anna"), [anna.id]],
      [all, [anna.id]],
      [as("bert"), []],
    ] as const) {
      expect(await idsOf(`/orders/product/${productId}?limit=5`, headers)).toEqual(seen);
    }
  });

  test("pages through its own orders among those of others", async () => {
    const { id: productId } = fixture.products.put();
    const own: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      own.unshift((await placeAs("anna", productId)).id);
      await placeAs("bert", productId);
    }
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "limit=2" : `limit=2&cursor=${cursor}`;
      const { body } = await fixture.request(`/orders/product/${productId}?${query}`, {
        headers: as("anna"),
      });
      seen.push(...(body.items as Order[]).map(({ id }) => id));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual(own);
  });

  test("has idempotency keys of its own", async () => {
    const { id: productId } = fixture.products.put();
    const place = (subject: string, qty = 1) =>
      fixture.place({ productId, qty }, { ...as(subject), "idempotency-key": "same-key" });
    const anna = await place("anna");
    const bert = await place("bert", 2);
    expect([anna.status, bert.status]).toEqual([201, 201]);
    expect(bert.body.id).not.toBe(anna.body.id);
    expect(await place("anna")).toMatchObject({
      headers: { "idempotency-replayed": "true" },
      body: { id: anna.body.id },
    });
    expect((await place("anna", 2)).status).toBe(422);
  });

  test("is stored with the order, and neither answered nor published", async () => {
    const heard = await fixture.broker.receive("order.created");
    const { id: productId } = fixture.products.put();
    const order = await placeAs("anna", productId);
    expect(await fixture.sql("SELECT subject FROM orders WHERE id = $1", [order.id])).toEqual([
      { subject: "anna" },
    ]);
    await eventually(() => expect(heard.map(({ data }) => data.id)).toContain(order.id));
    expect(JSON.stringify([order, heard])).not.toContain("anna");
  });
});

describe("without an internal token", () => {
  test("ignores the headers that name a caller", async () => {
    const service = await fixture.startAnother({ INTERNAL_TOKEN: "" });
    try {
      const { id: productId } = fixture.products.put();
      await placeAs("anna", productId);
      const response = await fetch(`${service.url}/orders/product/${productId}`, {
        headers: { "x-subject": "anna" },
      });
      expect(response.status).toBe(401);
    } finally {
      await service.stop();
    }
  });
});
