import { failure, meta, partialMeta, success } from "@shop/contracts/envelope";
import { order, orderPage, placeOrderBody, type PlaceOrderBody } from "@shop/contracts/order";
import {
  createProductBody,
  product,
  productPage,
  replaceProductBody,
  type CreateProductBody,
  type ReplaceProductBody,
} from "@shop/contracts/product";
import type { Response } from "supertest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { COLLECTION, runCollection } from "../postman/run-collection.ts";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

let it: ShopWithGateway;

beforeAll(async () => {
  it = await startShopWithGateway();
});
afterAll(() => it.stop());

const CUP = { name: "Espresso cup", price: 9.5, qty: 100 };
const NO_ORDER = "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20";

/** That an answer is what the contract says of it, to the letter, and gives back its data. */
function expectData<T extends z.ZodType>(answer: Response, data: T, itsMeta = meta): z.infer<T> {
  const shape = success(data, itsMeta.strict()).strict();
  expect(shape.safeParse(answer.body).error).toBeUndefined();
  expectHead(answer);
  return answer.body.data as z.infer<T>;
}

function expectError(answer: Response, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body.error?.code }).toEqual({ status, code });
  expect(failure.strict().safeParse(answer.body).error).toBeUndefined();
  expectHead(answer);
}

function expectHead(answer: Response): void {
  expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  expect(answer.headers["x-request-id"]).toBe(answer.body.meta.requestId);
}

const created = async (body: object = CUP) => {
  const answer = await it.agent.post("/products").send(body).expect(201);
  return expectData(answer, product);
};

const placed = async (body: object, headers: Record<string, string> = {}) => {
  const answer = await it.agent.post("/orders").set(headers).send(body).expect(201);
  return { answer, order: expectData(answer, order) };
};

describe.each(["", "/api/v1"])("under %j", (prefix) => {
  test("creates, reads, replaces, lists and removes products", async () => {
    const post = await it.agent.post(`${prefix}/products`).send({ ...CUP, name: " Größe 🙂 " });
    expect(post.status).toBe(201);
    const made = expectData(post, product);
    expect(made).toMatchObject({ name: "Größe 🙂", price: 9.5, qty: 100, version: 1 });
    expect(post.headers).toMatchObject({ location: `${prefix}/products/${made.id}`, etag: '"1"' });

    const path = post.headers["location"]!;
    const get = await it.agent.get(path).expect(200);
    expect(expectData(get, product)).toEqual(made);
    expect(get.headers["etag"]).toBe('"1"');
    const head = await it.agent.head(path).expect(200);
    expect(head.headers["content-length"]).toBe(get.headers["content-length"]);

    for (const tag of ['"1"', 'W/"1"', "*", '"7", W/"1"']) {
      const same = await it.agent
        .get(path)
        .set({ "if-none-match": tag, "cache-control": "no-cache" })
        .expect(304);
      expect(same.headers).toMatchObject({ etag: '"1"', "x-request-id": expect.any(String) });
      expect(same.text).toBe("");
    }
    await it.agent.get(path).set("if-none-match", '"2"').expect(200);

    const stale = await it.agent.put(path).set("if-match", '"9"').send({ name: "x", price: 1 });
    expectError(stale, 412, "PRECONDITION_FAILED");
    const put = await it.agent.put(path).set("if-match", '"1"').send({ name: "Mug", price: 1 });
    expect(put.status).toBe(200);
    expect(put.headers["etag"]).toBe('"2"');
    expect(expectData(put, product)).toMatchObject({ name: "Mug", qty: 100, version: 2 });

    const list = await it.agent.get(`${prefix}/products?limit=1`).expect(200);
    const page = expectData(list, productPage);
    expect(page.items).toMatchObject([{ id: made.id }]);

    const gone = await it.agent.delete(path).expect(204);
    expect(gone.text).toBe("");
    expect(gone.headers).not.toHaveProperty("content-type");
    expectError(await it.agent.delete(path), 404, "PRODUCT_NOT_FOUND");
    expectError(await it.agent.get(path), 404, "PRODUCT_NOT_FOUND");
  });

  test("places, reads and lists orders, alone and with their product", async () => {
    const { id: productId } = await created();
    const post = await it.agent.post(`${prefix}/orders`).send({ productId, qty: 2, price: 9.5 });
    expect(post.status).toBe(201);
    const mine = expectData(post, order);
    expect(mine).toMatchObject({
      productId,
      qty: 2,
      unitPrice: 9.5,
      totalPrice: 19,
      status: "pending",
    });
    expect(post.headers["location"]).toBe(`${prefix}/orders/${mine.id}`);
    expect(await it.settled(mine.id)).toMatchObject({ status: "done", reason: null });
    expectData(await it.agent.get(`${prefix}/orders/${mine.id}`), order);

    const listed = await it.agent.get(`${prefix}/orders/product/${productId}`).expect(200);
    expect(expectData(listed, orderPage).items.map(({ id }) => id)).toEqual([mine.id]);

    const both = await it.agent
      .get(`${prefix}/products/${productId}-with-orders?limit=5`)
      .expect(200);
    const { product: its, orders } = expectData(
      both,
      z.strictObject({ product, orders: orderPage }),
      partialMeta("orders"),
    );
    expect(its).toMatchObject({ id: productId, qty: 98 });
    expect(orders.items.map(({ id }) => id)).toEqual([mine.id]);
    expect(both.body.meta.partial).toBe(false);
  });

  test("answers an empty list for a product without orders", async () => {
    const { id } = await created();
    const none = { items: [], nextCursor: null };
    const list = await it.agent.get(`${prefix}/orders/product/${id}`).expect(200);
    expect(expectData(list, orderPage)).toEqual(none);
    const both = await it.agent.get(`${prefix}/products/${id}-with-orders`).expect(200);
    expect(both.body.data.orders).toEqual(none);
    expect(both.body.meta.partial).toBe(false);
  });

  test("answers /health", async () => {
    const answer = await it.agent.get(`${prefix}/health`).expect(200);
    expectHead(answer);
    expect(answer.body).toMatchObject({ success: true, data: { status: expect.any(String) } });
  });
});

test("answers HEAD wherever it answers GET", async () => {
  const { id } = await created();
  const { order: one } = await placed({ productId: id, qty: 1 });
  for (const path of [
    "/products",
    `/products/${id}`,
    `/products/${id}-with-orders`,
    `/orders/${one.id}`,
    `/orders/product/${id}`,
    "/health",
  ]) {
    const head = await it.agent.head(path).expect(200);
    expect(head.text ?? "").toBe("");
    expect(Number(head.headers["content-length"])).toBeGreaterThan(100);
  }
  await it.agent.head("/products/2147483647").expect(404);
});

test.each([
  ["/products", "POST, GET, HEAD, OPTIONS"],
  ["/products/1", "GET, PUT, DELETE, HEAD, OPTIONS"],
  ["/products/1-with-orders", "GET, HEAD, OPTIONS"],
  ["/orders", "POST, OPTIONS"],
  ["/orders/x", "GET, HEAD, OPTIONS"],
  ["/orders/product/1", "GET, HEAD, OPTIONS"],
  ["/health", "GET, HEAD, OPTIONS"],
  ["/", "GET, HEAD, OPTIONS"],
])("allows on %s the methods %s alone", async (path, allow) => {
  const options = await it.agent.options(`/api/v1${path}`).expect(204);
  expect(options.headers["allow"]).toBe(allow);
  for (const method of ["get", "head", "post", "put", "delete", "patch", "trace"] as const) {
    if (allow.includes(method.toUpperCase())) continue;
    const answer = await it.agent[method](path);
    expect({ status: answer.status, allow: answer.headers["allow"] }).toEqual({
      status: 405,
      allow,
    });
    if (method !== "head") expectError(answer, 405, "METHOD_NOT_ALLOWED");
  }
});

/** Values of every field that a body may have: a new field of the schema has to be added to the test. */
type Values<Body> = Required<Body>;

function expectEveryField(schema: z.ZodObject, values: object): void {
  expect(Object.keys(values).toSorted()).toEqual(Object.keys(schema.shape).toSorted());
}

describe("fields", () => {
  test("of an order are complete wherever it is read", async () => {
    const { id: productId } = await created();
    const body: Values<PlaceOrderBody> = { productId, qty: 2, price: CUP.price };
    expectEveryField(placeOrderBody, body);
    const { price, ...same } = body;
    const key = { "idempotency-key": crypto.randomUUID() };
    const { order: one } = await placed(body, key);
    expect(one).toMatchObject({ ...same, unitPrice: price });

    const settled = { ...one, ...(await it.settled(one.id)) };
    const changes = { status: "done", updatedAt: settled.updatedAt };
    expect(settled).toEqual({ ...one, ...changes });
    const list = await it.agent.get(`/orders/product/${productId}`).expect(200);
    expect(expectData(list, orderPage).items).toEqual([settled]);
    expect((await placed(body, key)).order).toEqual(one);
  });

  test("of an order each count for its idempotency key", async () => {
    const { id: productId } = await created();
    const body: Values<PlaceOrderBody> = { productId, qty: 2, price: CUP.price };
    const others: Values<PlaceOrderBody> = { productId: (await created()).id, qty: 3, price: 9.25 };
    expectEveryField(placeOrderBody, body);
    expectEveryField(placeOrderBody, others);
    const key = { "idempotency-key": crypto.randomUUID() };
    await placed(body, key);

    const fields = Object.entries(body);
    const changed = Object.entries(others).map((other) => Object.fromEntries([...fields, other]));
    const shorter = Object.keys(body)
      .map((left) => Object.fromEntries(fields.filter(([field]) => field !== left)))
      .filter((rest) => placeOrderBody.safeParse(rest).success);
    expect(shorter).not.toHaveLength(0);
    for (const other of [...changed, ...shorter]) {
      const answer = await it.agent.post("/orders").set(key).send(other);
      expect({ other, status: answer.status }).toEqual({ other, status: 422 });
      expectError(answer, 422, "IDEMPOTENCY_KEY_REUSED");
    }
  });

  test("of a product are complete wherever it is read", async () => {
    const body: Values<CreateProductBody> = { name: "Cup", price: 9.5, qty: 100 };
    const others: Values<ReplaceProductBody> = { name: "Mug", price: 9.25, qty: 90 };
    expectEveryField(createProductBody, body);
    expectEveryField(replaceProductBody, others);
    const made = await created(body);
    const path = `/products/${made.id}`;
    const expectRead = async (expected: object): Promise<void> => {
      const one = expectData(await it.agent.get(path).expect(200), product);
      expect(one).toMatchObject(expected);
      const list = await it.agent.get("/products?limit=1").expect(200);
      expect(expectData(list, productPage).items).toEqual([one]);
    };
    expect(made).toMatchObject(body);
    await expectRead(made);

    // One field at a time, so that none is mistaken for another.
    const now: Values<ReplaceProductBody> = { ...body };
    for (const [field, value] of Object.entries(others)) {
      Object.assign(now, { [field]: value });
      const put = await it.agent.put(path).send(now).expect(200);
      expect(expectData(put, product)).toMatchObject(now);
      await expectRead(now);
    }
  });
});

describe("pages", () => {
  test("neither skip nor repeat", async () => {
    const { id: productId } = await created();
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      ids.unshift((await placed({ productId, qty: 1 })).order.id);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: Record<string, string> = { limit: "2", ...(cursor !== null && { cursor }) };
      const answer = await it.agent.get(`/orders/product/${productId}`).query(query).expect(200);
      const page = expectData(answer, orderPage);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids);
  });

  test("refuse the cursor of another list", async () => {
    for (const path of ["/products?cursor=zz", "/orders/product/1?cursor=%00"]) {
      expectError(await it.agent.get(path), 400, "BAD_REQUEST");
    }
  });
});

describe("an order", () => {
  test("of an unknown product is 404, with another price 409, and neither is written", async () => {
    const { id: productId } = await created();
    expectError(
      await it.agent.post("/orders").send({ productId: 2_147_483_647, qty: 1 }),
      404,
      "PRODUCT_NOT_FOUND",
    );
    const changed = await it.agent.post("/orders").send({ productId, qty: 1, price: 9.49 });
    expectError(changed, 409, "PRICE_CHANGED");
    expect(changed.body.error.details).toMatchObject([{ path: "price" }]);
    const list = await it.agent.get(`/orders/product/${productId}`);
    expect(list.body.data.items).toEqual([]);
  });

  test("for more than the stock is accepted, and rejected with a reason", async () => {
    const { id: productId } = await created({ ...CUP, qty: 1 });
    const { order: one } = await placed({ productId, qty: 2 });
    expect(await it.settled(one.id)).toMatchObject({ status: "rejected", reason: "OUT_OF_STOCK" });
  });

  test("with an unknown id is 404", async () => {
    expectError(await it.agent.get(`/orders/${NO_ORDER}`), 404, "ORDER_NOT_FOUND");
  });
});

describe("an Idempotency-Key", () => {
  test("gives the same order for the same body, and 422 for another", async () => {
    const { id: productId } = await created();
    const key = { "idempotency-key": crypto.randomUUID() };
    const first = await placed({ productId, qty: 1 }, key);
    await it.settled(first.order.id);
    const again = await placed({ qty: 1, productId }, key);
    expect(again.order).toEqual(first.order);
    expect(again.answer.headers["idempotency-replayed"]).toBe("true");
    expect(first.answer.headers).not.toHaveProperty("idempotency-replayed");
    const other = await it.agent.post("/orders").set(key).send({ productId, qty: 2 });
    expectError(other, 422, "IDEMPOTENCY_KEY_REUSED");
  });

  test("sent a hundred times at once gives one order", async () => {
    const { id: productId } = await created();
    const key = { "idempotency-key": crypto.randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        it.agent.post("/orders").set(key).send({ productId, qty: 1 }),
      ),
    );
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expectError(answer, 409, "IDEMPOTENCY_IN_PROGRESS");
    }
    const ids = answers.filter(({ status }) => status === 201).map(({ body }) => body.data.id);
    expect(new Set(ids).size).toBe(1);
  });
});

test("refuses bad requests at the gateway", async () => {
  expectError(await it.agent.post("/products").send({}), 400, "VALIDATION_FAILED");
  const json = { "content-type": "application/json" };
  expectError(await it.agent.post("/products").set(json).send("{"), 400, "MALFORMED_JSON");
  expectError(await it.agent.get("/products/%2e%2e/metrics"), 400, "BAD_REQUEST");
  expectError(await it.agent.get("/metrics"), 404, "NOT_FOUND");
  const large = JSON.stringify({ name: "a".repeat(102_400) });
  expectError(await it.agent.post("/products").set(json).send(large), 413, "PAYLOAD_TOO_LARGE");
  expectError(
    await it.agent.post("/products").type("text/plain").send("a"),
    415,
    "UNSUPPORTED_MEDIA_TYPE",
  );
});

test("passes the Postman collection, and passes it again on its own data", async () => {
  for (let run = 0; run < 2; run += 1) {
    const target = { collection: COLLECTION, url: it.gateway.url, report: false };
    const { problems } = await runCollection(target);
    expect(problems).toEqual([]);
  }
});
