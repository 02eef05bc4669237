import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

const INTERNAL_TOKEN = "a-token-that-only-programs-of-the-shop-know";
const SECRET = "a-secret-of-more-than-32-characters!";
const ISSUER = "https://login.example/";

let it: ShopWithGateway;
let productId: number;

beforeAll(async () => {
  it = await startShopWithGateway({
    services: { INTERNAL_TOKEN },
    gateway: {
      AUTH: "jwt",
      INTERNAL_TOKEN,
      JWT_SECRET: SECRET,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: "shop",
    },
  });
  const { body } = await it.agent
    .post("/products")
    .set(await as("keeper", "products:write"))
    .send({ name: "Cup", price: 1, qty: 1_000 })
    .expect(201);
  productId = body.data.id;
});
afterAll(() => it.stop());

async function as(sub: string, scope = ""): Promise<Record<string, string>> {
  const token = await new SignJWT({ sub, scope, iss: ISSUER, aud: "shop" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));
  return { authorization: `Bearer ${token}` };
}

const place = async (sub: string, headers: Record<string, string> = {}) =>
  it.agent
    .post("/orders")
    .set({ ...(await as(sub, "orders:write")), ...headers })
    .send({ productId, qty: 1 });

test("refuses callers without a token, and callers without the scope", async () => {
  const anybody = await it.agent.get(`/products/${productId}`).expect(401);
  expect(anybody.body.error.code).toBe("UNAUTHENTICATED");
  const reader = await it.agent
    .post("/orders")
    .set(await as("anna"))
    .send({ productId, qty: 1 });
  expect(reader).toMatchObject({ status: 403, body: { error: { code: "FORBIDDEN" } } });
  await it.agent.get("/health").expect(200);
});

test("lets services answer the gateway alone", async () => {
  for (const { url } of [it.shop.product, it.shop.order]) {
    const answer = await fetch(`${url}/products/1`, { headers: { "x-subject": "anna" } });
    expect(answer.status).toBe(401);
  }
});

describe("a caller", () => {
  test("reads its own orders only: alone, in lists and in the BFF", async () => {
    const anna = (await place("anna")).body.data.id as string;
    const bert = (await place("bert")).body.data.id as string;

    await it.agent
      .get(`/orders/${anna}`)
      .set(await as("anna"))
      .expect(200);
    const other = await it.agent
      .get(`/orders/${anna}`)
      .set(await as("bert"))
      .expect(404);
    expect(other.body.error.code).toBe("ORDER_NOT_FOUND");

    const read = async (sub: string, scope?: string) => {
      const headers = await as(sub, scope);
      const list = await it.agent.get(`/orders/product/${productId}`).set(headers).expect(200);
      const both = await it.agent
        .get(`/products/${productId}-with-orders`)
        .set(headers)
        .expect(200);
      const [alone, combined] = [list.body.data, both.body.data.orders].map(
        ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id),
      );
      expect(combined).toEqual(alone);
      return alone;
    };
    expect(await read("anna")).toEqual([anna]);
    expect(await read("bert")).toEqual([bert]);
    expect(await read("carl")).toEqual([]);
    expect(await read("clerk", "orders:read")).toEqual([bert, anna]);
    expect(await read("anna")).toEqual([anna]);
  });

  test("has its orders settled: order-service has the internal token too", async () => {
    const { body } = await place("dora");
    const headers = await as("dora");
    expect(await it.settled(body.data.id, headers)).toMatchObject({ status: "done" });
  });

  test("owns its idempotency keys", async () => {
    const key = { "idempotency-key": "everybody-takes-this-one" };
    const [anna, bert, again] = [
      await place("anna", key),
      await place("bert", key),
      await place("anna", key),
    ];
    expect([anna.status, bert.status, again.status]).toEqual([201, 201, 201]);
    expect(bert.body.data.id).not.toBe(anna.body.data.id);
    expect(again.body.data.id).toBe(anna.body.data.id);
    expect(again.headers["idempotency-replayed"]).toBe("true");
  });

  test("cannot pretend to be another, and gets no more than its scopes", async () => {
    const { body } = await place("anna");
    const forged = {
      "x-subject": "anna",
      "x-scopes": "orders:read",
      "x-internal-token": INTERNAL_TOKEN,
    };
    const answer = await it.agent
      .get(`/orders/${body.data.id}`)
      .set({ ...(await as("eve")), ...forged });
    expect(answer.status).toBe(404);
  });
});
