import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

let lastKey = 0;
const newKey = (): string => `key-${(lastKey += 1)}`;

const withKey = (key: string, body: unknown, url: string = fixture.service.url) =>
  call(`${url}/orders`, { body, headers: { "idempotency-key": key } });

const orderIds = async (productId: number): Promise<string[]> =>
  (
    await fixture.sql<{ id: string }>("SELECT id FROM orders WHERE product_id = $1", [productId])
  ).map(({ id }) => id);

describe("the same key and body again", () => {
  test("gets the first answer, and writes nothing", async () => {
    const { id: productId } = fixture.products.put();
    const key = newKey();
    const first = await withKey(key, { productId, qty: 2 });
    const second = await withKey(key, { productId, qty: 2 });

    expect(first.status).toBe(201);
    expect(first.headers).not.toHaveProperty("idempotency-replayed");
    expect(second.status).toBe(201);
    expect(second.headers).toMatchObject({
      "idempotency-replayed": "true",
      location: first.headers["location"],
    });
    expect(second.body).toEqual(first.body);
    expect(await orderIds(productId)).toEqual([first.body.id]);
  });

  test("gets the first answer also when the order was settled since", async () => {
    const { id: productId } = fixture.products.put();
    const key = newKey();
    const first = await withKey(key, { productId, qty: 1 });
    await fixture.decide(first.body, "OUT_OF_STOCK");
    await eventually(async () =>
      expect((await fixture.request(`/orders/${first.body.id}`)).body.status).toBe("rejected"),
    );
    expect((await withKey(key, { productId, qty: 1 })).body).toEqual(first.body);
  });

  test("gets the first answer also when the price has changed", async () => {
    const product = fixture.products.put({ price: 5 });
    const key = newKey();
    const body = { productId: product.id, qty: 1, price: 5 };
    const first = await withKey(key, body);
    await fixture.broker.publish(
      "product.updated",
      fixture.products.put({ id: product.id, price: 6 }),
    );
    await eventually(async () => expect((await fixture.place(body)).status).toBe(409));
    expect(await withKey(key, body)).toMatchObject({ status: 201, body: first.body });
  });

  test("gets the first answer also when the product is gone", async () => {
    const { id: productId, version } = fixture.products.put();
    const key = newKey();
    const first = await withKey(key, { productId, qty: 1 });
    fixture.products.remove(productId);
    await fixture.broker.publish("product.deleted", { id: productId, version: version + 1 });
    await eventually(async () =>
      expect((await fixture.place({ productId, qty: 1 })).status).toBe(404),
    );
    expect(await withKey(key, { productId, qty: 1 })).toMatchObject({
      status: 201,
      headers: { "idempotency-replayed": "true" },
      body: first.body,
    });
  });

  test("gets the first answer also when product-service hangs and the product is not cached", async () => {
    const { id: productId } = fixture.products.put();
    const key = newKey();
    const first = await withKey(key, { productId, qty: 1 });
    const another = await fixture.startAnother();
    await fixture.ready(another.url);
    await fixture.cache.del(`product:${productId}`);
    const release = fixture.products.hold();
    try {
      const again = await withKey(key, { productId, qty: 1 }, another.url);
      expect(again).toMatchObject({ status: 201, body: first.body });
      expect(fixture.products.waiting()).toBe(0);
    } finally {
      release();
      await another.stop();
    }
  });

  test("leaves the product's cached list as it is", async () => {
    const { id: productId } = fixture.products.put();
    const key = newKey();
    await withKey(key, { productId, qty: 1 });
    const list = `orders:product:${productId}`;
    await eventually(async () => {
      await fixture.request(`/orders/product/${productId}`);
      expect(await fixture.cache.get(list)).not.toBeNull();
    });
    const before = await fixture.cache.get(`${list}:token`);
    expect((await withKey(key, { productId, qty: 1 })).status).toBe(201);
    expect(await fixture.cache.get(`${list}:token`)).toBe(before);
  });

  test("is recognized whatever the order of fields, the spaces and the spelling of numbers", async () => {
    const { id } = fixture.products.put({ price: 19.9 });
    const key = newKey();
    const first = await withKey(key, { productId: id, qty: 1, price: 19.9 });
    const second = await withKey(key, `{ "price":19.90, "qty" : 1.0, "productId": ${id} }`);
    expect(second).toMatchObject({
      status: 201,
      headers: { "idempotency-replayed": "true" },
      body: first.body,
    });
  });
});

describe("the same key many times at once", () => {
  test("is one order for 100 requests: one 201, the others 409 or its replay", async () => {
    const { id: productId } = fixture.products.put();
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => withKey(key, { productId, qty: 1 })),
    );
    const [id, ...others] = await orderIds(productId);
    expect(others).toEqual([]);
    const fresh = answers.filter(
      ({ status, headers }) => status === 201 && !("idempotency-replayed" in headers),
    );
    expect(fresh).toHaveLength(1);
    const said = answers.map(({ status, body }) => `${status} ${body.code ?? body.id}`);
    const allowed = new Set([`201 ${id}`, "409 IDEMPOTENCY_IN_PROGRESS"]);
    expect(said.filter((one) => !allowed.has(one))).toEqual([]);
    expect(await withKey(key, { productId, qty: 1 })).toMatchObject({ status: 201, body: { id } });
  });

  test("is one order at two instances, and both give the same answer", async () => {
    const { id: productId } = fixture.products.put();
    const another = await fixture.startAnother();
    await fixture.ready(another.url);
    try {
      const keys = Array.from({ length: 40 }, newKey);
      const pairs = await Promise.all(
        keys.map((key) =>
          Promise.all([
            withKey(key, { productId, qty: 1 }),
            withKey(key, { productId, qty: 1 }, another.url),
          ]),
        ),
      );
      expect(await orderIds(productId)).toHaveLength(keys.length);
      for (const [one, other] of pairs) {
        expect([one.status, other.status]).toEqual([201, 201]);
        expect(one.body).toEqual(other.body);
        const replayed = [one, other].filter(({ headers }) => headers["idempotency-replayed"]);
        expect(replayed).toHaveLength(1);
      }
    } finally {
      await another.stop();
    }
  });

  test("is one order at two instances with two bodies, and the other body is rejected", async () => {
    const { id: productId } = fixture.products.put();
    const another = await fixture.startAnother();
    await fixture.ready(another.url);
    try {
      const keys = Array.from({ length: 20 }, newKey);
      const statuses = await Promise.all(
        keys.map(async (key) => {
          const answers = await Promise.all([
            withKey(key, { productId, qty: 1 }),
            withKey(key, { productId, qty: 2 }, another.url),
          ]);
          return answers.map(({ status }) => status).toSorted((a, b) => a - b);
        }),
      );
      expect(new Set(statuses.map(String))).toEqual(new Set(["201,422"]));
      expect(await orderIds(productId)).toHaveLength(keys.length);
    } finally {
      await another.stop();
    }
  });
});

describe("a key after an error", () => {
  test("may be tried again, with another body as well", async () => {
    const key = newKey();
    const unknown = await withKey(key, { productId: 2_000_000_001, qty: 1 });
    expect(unknown.status).toBe(404);
    const { id: productId } = fixture.products.put();
    expect((await withKey(key, { productId, qty: 1, price: 1 })).status).toBe(409);
    const answer = await withKey(key, { productId, qty: 1 });
    expect(answer.status).toBe(201);
    expect(answer.headers).not.toHaveProperty("idempotency-replayed");
  });

  test("is not read when the body is wrong", async () => {
    const key = newKey();
    expect((await withKey(key, { qty: 0 })).status).toBe(400);
    const { id: productId } = fixture.products.put();
    expect((await withKey(key, { productId, qty: 1 })).status).toBe(201);
  });

  test("answers 409 when it is pruned while its order is committed, and may be tried again", async () => {
    const { id: productId } = fixture.products.put();
    const key = newKey();
    // As if another instance had taken the key, and it was pruned before this one could read what it stands for.
    await fixture.sql(`
      CREATE FUNCTION lose_key() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER lose_key BEFORE INSERT ON idempotency_keys FOR EACH ROW
        WHEN (NEW.key = '${key}') EXECUTE FUNCTION lose_key()`);
    const lost = await withKey(key, { productId, qty: 1 });
    await fixture.sql("DROP TRIGGER lose_key ON idempotency_keys");
    expect(lost).toMatchObject({ status: 409, body: { code: "IDEMPOTENCY_IN_PROGRESS" } });
    expect(await orderIds(productId)).toEqual([]);
    expect((await withKey(key, { productId, qty: 1 })).status).toBe(201);
  });
});

describe("a key's text", () => {
  test.each([
    ["empty", ""],
    ["with a space", "a b"],
    ["of 256 characters", "k".repeat(256)],
    ["with letters beyond ASCII", "schlüssel"],
    ["given twice", ["one", "two"]],
    ["given twice the same", ["one", "one"]],
  ])("%s is rejected with 400, and nothing is written", async (_, key) => {
    const { id: productId } = fixture.products.put();
    const { status, body } = await fixture.request("/orders", {
      body: { productId, qty: 1 },
      headers: { "idempotency-key": key },
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: "VALIDATION_FAILED",
      details: [{ path: "idempotency-key", message: expect.any(String) }],
    });
    expect(await orderIds(productId)).toEqual([]);
  });

  test("may be 255 visible characters of any kind", async () => {
    const { id: productId } = fixture.products.put();
    const visible = Array.from({ length: 94 }, (_, n) => String.fromCodePoint(0x21 + n)).join("");
    const key = visible.padEnd(255, "k");
    const first = await withKey(key, { productId, qty: 1 });
    expect(first.status).toBe(201);
    expect((await withKey(key, { productId, qty: 1 })).body).toEqual(first.body);
  });
});

describe("pruning", () => {
  test("removes keys that are older than they are kept, and leaves younger ones", async () => {
    const { id: productId } = fixture.products.put();
    const [old, young] = [newKey(), newKey()];
    const first = await withKey(old, { productId, qty: 1 });
    const kept = await withKey(young, { productId, qty: 1 });
    await fixture.sql(
      "UPDATE idempotency_keys SET created_at = now() - interval '25 hours 1 minute' WHERE key = $1",
      [old],
    );
    await fixture.sql(
      "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 59 minutes' WHERE key = $1",
      [young],
    );
    // An instance looks when it starts, and then every ten minutes.
    const another = await fixture.startAnother();
    try {
      await eventually(async () =>
        expect(await fixture.sql("SELECT 1 FROM idempotency_keys WHERE key = $1", [old])).toEqual(
          [],
        ),
      );
    } finally {
      await another.stop();
    }
    expect((await withKey(young, { productId, qty: 1 })).body).toEqual(kept.body);
    const later = await withKey(old, { productId, qty: 1 });
    expect(later.status).toBe(201);
    expect(later.body.id).not.toBe(first.body.id);
  });
});
