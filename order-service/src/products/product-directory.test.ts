import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startFakeProductService } from "./fake-product-service.fixture.ts";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const MINUTE_MS = 60_000;
let lastEvent = 0;

const order = (productId: number, more: object = {}) =>
  fixture.place({ productId, qty: 1, ...more });

/** As an instance leaves it in Redis. */
const remember = (
  id: number,
  {
    priceCents,
    version = 1,
    ageMs,
  }: { priceCents: number | null; version?: number; ageMs: number },
) =>
  fixture.cache.set(
    `product:${id}`,
    JSON.stringify({ id, version, priceCents, asOf: Date.now() - ageMs }),
  );

const remembered = async (id: number) =>
  JSON.parse((await fixture.cache.get(`product:${id}`)) ?? "null");

/** Tells the product as it is now and waits until that was taken. */
const tell = async (
  type: "product.created" | "product.updated",
  product: ReturnType<Fixture["products"]["put"]>,
): Promise<void> => {
  const requestId = `event-${(lastEvent += 1)}`;
  await fixture.broker.publish(type, product, { requestId });
  await fixture.taken(requestId);
};

const tellDeleted = async (id: number, version: number): Promise<void> => {
  const requestId = `event-${(lastEvent += 1)}`;
  await fixture.broker.publish("product.deleted", { id, version }, { requestId });
  await fixture.taken(requestId);
};

/** Back to a product-service that answers, and a breaker that lets ask it. */
const recover = async (): Promise<void> => {
  await fixture.products.recover();
  await eventually(async () => expect((await order(2_000_000_000)).status).toBe(404));
};

const timed = async <T>(work: Promise<T>): Promise<{ answer: T; ms: number }> => {
  const startedAt = performance.now();
  return { answer: await work, ms: performance.now() - startedAt };
};

/** What was sent before has been taken by the service: it has answered others since. */
const arrived = async (): Promise<void> => {
  for (let n = 0; n < 5; n += 1) await fixture.request("/health/live");
};

describe("a product that is looked up", () => {
  test("is asked for once, and then known in memory and in Redis", async () => {
    const { id, version } = fixture.products.put({ price: 12.5 });
    for (let n = 0; n < 5; n += 1) expect((await order(id)).status).toBe(201);
    expect(fixture.products.asked(id)).toBe(1);
    expect(await remembered(id)).toEqual({
      id,
      version,
      priceCents: 1250,
      asOf: expect.any(Number),
    });
  });

  test("serves from Redis for 5 seconds without being asked for", async () => {
    const { id } = fixture.products.put({ price: 10 });
    await remember(id, { priceCents: 999, ageMs: 4_000 });
    expect((await order(id)).body.unitPrice).toBe(9.99);
    expect(fixture.products.asked(id)).toBe(0);
  });

  test("is asked for when Redis has it from longer ago", async () => {
    const { id } = fixture.products.put({ price: 10 });
    await remember(id, { priceCents: 999, ageMs: 5_001 });
    expect((await order(id)).body.unitPrice).toBe(10);
    expect(fixture.products.asked(id)).toBe(1);
  });

  test("is asked for once by all orders at the same time", async () => {
    const { id } = fixture.products.put();
    const release = fixture.products.hold();
    const orders = Promise.all(Array.from({ length: 60 }, () => order(id)));
    await eventually(() => expect(fixture.products.waiting()).toBe(1));
    release();
    expect(new Set((await orders).map(({ status }) => status))).toEqual(new Set([201]));
    expect(fixture.products.asked(id)).toBe(1);
  });

  test("shows a change without an event when what is known is 5 seconds old", async () => {
    const { id } = fixture.products.put({ price: 2 });
    await remember(id, { priceCents: 100, ageMs: 4_000 });
    expect((await order(id)).body.unitPrice).toBe(1);
    await eventually(async () => expect((await order(id)).body.unitPrice).toBe(2), 1_500);
  });

  test("is asked for when Redis has unreadable text", async () => {
    for (const unreadable of ["{", "null", '"text"', "{}"]) {
      const { id } = fixture.products.put({ price: 3 });
      await fixture.cache.set(`product:${id}`, unreadable);
      expect(await order(id)).toMatchObject({ status: 201, body: { unitPrice: 3 } });
    }
  });
});

describe("product events", () => {
  test("show a change at once, in memory and in Redis, without asking", async () => {
    const { id } = fixture.products.put({ price: 5 });
    await order(id);
    await tell("product.updated", fixture.products.put({ id, price: 7 }));
    expect((await order(id)).body.unitPrice).toBe(7);
    await eventually(async () =>
      expect(await remembered(id)).toMatchObject({ version: 2, priceCents: 700 }),
    );
    expect(fixture.products.asked(id)).toBe(1);
  });

  test("make a new product known before it is asked for", async () => {
    const product = fixture.products.put({ price: 4 });
    await tell("product.created", product);
    expect((await order(product.id)).body.unitPrice).toBe(4);
    expect(fixture.products.asked(product.id)).toBe(0);
  });

  test("that were long on their way do not count as new", async () => {
    const product = fixture.products.put({ price: 4 });
    const requestId = `event-${(lastEvent += 1)}`;
    const occurredAt = new Date(Date.now() - MINUTE_MS).toISOString();
    await fixture.broker.publish("product.created", product, { requestId, occurredAt });
    await fixture.taken(requestId);
    // There was no event of this one yet.
    fixture.products.put({ id: product.id, price: 6 });
    expect((await order(product.id)).body.unitPrice).toBe(6);
    expect(fixture.products.asked(product.id)).toBe(1);
  });

  test("from a clock that is ahead are as old as their arrival", async () => {
    const product = fixture.products.put({ price: 4 });
    const requestId = `event-${(lastEvent += 1)}`;
    const occurredAt = new Date(Date.now() + MINUTE_MS).toISOString();
    await fixture.broker.publish("product.created", product, { requestId, occurredAt });
    await fixture.taken(requestId);
    await eventually(async () =>
      expect((await remembered(product.id))?.asOf).toBeLessThanOrEqual(Date.now()),
    );
  });

  test("do not replace newer ones", async () => {
    const first = fixture.products.put({ price: 1 });
    const second = fixture.products.put({ id: first.id, price: 2 });
    await tell("product.updated", second);
    await tell("product.created", first);
    expect((await order(first.id)).body.unitPrice).toBe(2);
    await eventually(async () => expect(await remembered(first.id)).toMatchObject({ version: 2 }));
    expect(fixture.products.asked(first.id)).toBe(0);
  });

  test("are not replaced by an older answer", async () => {
    const { id } = fixture.products.put({ price: 1 });
    const release = fixture.products.hold();
    const placing = order(id);
    await eventually(() => expect(fixture.products.waiting()).toBe(1));
    await tell("product.updated", fixture.products.put({ id, price: 2 }));
    release();
    expect((await placing).body.unitPrice).toBe(2);
    expect((await order(id)).body.unitPrice).toBe(2);
  });

  test("make a deleted product 404, after product-service was asked", async () => {
    const { id, version } = fixture.products.put();
    await order(id);
    fixture.products.remove(id);
    await tellDeleted(id, version + 1);
    const asked = fixture.products.asked(id);
    expect(await order(id)).toMatchObject({ status: 404, body: { code: "PRODUCT_NOT_FOUND" } });
    expect(fixture.products.asked(id)).toBe(asked + 1);
    // A late event from before the deletion brings nothing back.
    await tell("product.updated", { ...fixture.products.put(), id, version });
    expect((await order(id)).status).toBe(404);
  });

  test("are not needed for a deletion to be found when what is known is 5 seconds old", async () => {
    const id = 1_999_999_998;
    await remember(id, { priceCents: 100, ageMs: 4_000 });
    expect((await order(id)).status).toBe(201);
    await eventually(async () => expect((await order(id)).status).toBe(404), 1_500);
    expect(await remembered(id)).toMatchObject({ version: 1, priceCents: null });
  });

  test("reach every instance", async () => {
    const another = await fixture.startAnother();
    try {
      await fixture.ready(another.url);
      const { id } = fixture.products.put({ price: 5 });
      const orderThere = () => call(`${another.url}/orders`, { body: { productId: id, qty: 1 } });
      await Promise.all([order(id), orderThere()]);
      await tell("product.updated", fixture.products.put({ id, price: 6 }));
      await eventually(async () => expect((await orderThere()).body.unitPrice).toBe(6), 800);
      expect((await order(id)).body.unitPrice).toBe(6);
    } finally {
      await another.stop();
    }
  });

  test("that cannot be read are skipped, and the next one counts", async () => {
    const product = fixture.products.put({ price: 8 });
    await fixture.broker.send("product.updated", "{not json");
    await fixture.broker.send("product.updated", '{"type":"order.created"}');
    await tell("product.created", product);
    expect((await order(product.id)).body.unitPrice).toBe(8);
  });
});

describe("a refusal", () => {
  test("because of the price never rests on an old price", async () => {
    const { id } = fixture.products.put({ price: 5 });
    await order(id);
    fixture.products.put({ id, price: 6 });
    expect(await order(id, { price: 6 })).toMatchObject({ status: 201, body: { unitPrice: 6 } });
    expect((await order(id, { price: 5 })).status).toBe(409);
  });

  test("because the product is unknown never rests on the cache", async () => {
    const { id } = fixture.products.put({ price: 5 });
    await remember(id, { priceCents: null, version: 1, ageMs: 0 });
    expect(await order(id)).toMatchObject({ status: 201, body: { unitPrice: 5 } });
  });

  test("never rests on a question that was asked before the price was changed", async () => {
    const { id } = fixture.products.put({ price: 5 });
    const release = fixture.products.hold();
    const before = order(id, { price: 5 });
    await eventually(() => expect(fixture.products.waiting()).toBe(1));
    fixture.products.put({ id, price: 6 });
    const after = order(id, { price: 6 });
    await arrived();
    release();
    expect((await after).body).toMatchObject({ unitPrice: 6 });
    expect((await before).status).toBe(201);
  });

  test("never rests on a question that was asked before the product was created", async () => {
    const id = 1_999_999_999;
    const release = fixture.products.hold();
    const before = order(id);
    await eventually(() => expect(fixture.products.waiting()).toBe(1));
    fixture.products.put({ id });
    const after = order(id);
    await arrived();
    release();
    expect((await after).status).toBe(201);
    expect((await before).status).toBe(404);
  });
});

/** As product-service has it after its database was set back, in which the product had an earlier version. */
const restore = (id: number, price: number) => fixture.products.put({ id, price, version: 50 });

const HIGHEST = Number.MAX_SAFE_INTEGER;

const costs = (id: number, price: number): Promise<void> =>
  eventually(async () => expect((await order(id)).body.unitPrice).toBe(price));

describe("a product whose version went back", () => {
  test("is sold for the price that it has now, within the bound, and with that price at once", async () => {
    const { id } = fixture.products.put({ price: 20, version: 100 });
    expect((await order(id)).body.unitPrice).toBe(20);
    restore(id, 10);
    expect(await order(id, { price: 10 })).toMatchObject({ status: 201, body: { unitPrice: 10 } });
    await costs(id, 10);
    expect((await order(id, { price: 20 })).status).toBe(409);
  });

  test("is sold for the price that it has now in an instance that gets no event and no answer", async () => {
    const { id } = fixture.products.put({ price: 20, version: 100 });
    await order(id);
    const another = await fixture.startAnother();
    onTestFinished(() => another.stop());
    const orderThere = () => call(`${another.url}/orders`, { body: { productId: id, qty: 1 } });
    await orderThere();
    restore(id, 10);
    await Promise.all([
      costs(id, 10),
      eventually(async () => expect((await orderThere()).body.unitPrice).toBe(10)),
    ]);
  });

  test("can be ordered at once where it was deleted in between", async () => {
    const { id } = fixture.products.put({ price: 20, version: 100 });
    await order(id);
    fixture.products.remove(id);
    await tellDeleted(id, 101);
    expect((await order(id)).status).toBe(404);
    fixture.products.put({ id, price: 10, version: 50 });
    expect(await order(id)).toMatchObject({ status: 201, body: { unitPrice: 10 } });
  });

  test("takes the place of the old one in Redis as well", async () => {
    const { id } = fixture.products.put({ price: 20, version: 100 });
    await order(id);
    restore(id, 10);
    await eventually(async () => {
      await order(id);
      expect(await remembered(id)).toMatchObject({ version: 50, priceCents: 1000 });
    });
  });
});

describe("a forgery", () => {
  test("of an event with the highest version decides a price within the staleness bound only", async () => {
    const product = fixture.products.put({ price: 10 });
    const { id } = product;
    await order(id);
    await tell("product.updated", { ...product, price: 1, version: HIGHEST });
    // With the price that the client has seen it is asked for at once.
    expect(await order(id, { price: 10 })).toMatchObject({ status: 201, body: { unitPrice: 10 } });
    await costs(id, 10);
    await tell("product.updated", fixture.products.put({ id, price: 11 }));
    await costs(id, 11);
  });

  test.each([
    ["from a time to come", (now: number) => ({ asOf: now + 60 * MINUTE_MS })],
    ["from the highest time", () => ({ asOf: Number.MAX_SAFE_INTEGER })],
    ["without an end, from an hour ago", (now: number) => ({ asOf: now - 60 * MINUTE_MS })],
  ])("of a value in Redis %s decides no price, and is replaced", async (_, with_) => {
    const { id } = fixture.products.put({ price: 10 });
    const forged = { id, version: HIGHEST, priceCents: 1, ...with_(Date.now()) };
    await fixture.cache.set(`product:${id}`, JSON.stringify(forged));
    expect((await order(id)).body.unitPrice).toBe(10);
    await eventually(async () => expect(await remembered(id)).toMatchObject({ priceCents: 1000 }));
  });

  test("that is written into Redis again and again changes no price that was asked for", async () => {
    const { id } = fixture.products.put({ price: 10 });
    expect((await order(id)).body.unitPrice).toBe(10);
    const asked = fixture.products.asked(id);
    // As soon as the memory does not answer any more it is asked again, whatever stands in Redis.
    await eventually(async () => {
      await remember(id, { priceCents: 1, version: HIGHEST, ageMs: 0 });
      expect((await order(id)).body.unitPrice).toBe(10);
      expect(fixture.products.asked(id)).toBeGreaterThan(asked);
    });
  });

  test("in product-service's cache does not count: it is asked past it", async () => {
    const { id } = fixture.products.put();
    await order(id);
    expect(fixture.products.cacheControl.at(-1)).toBe("no-cache");
  });
});

describe("a product-service that is away", () => {
  afterEach(recover);

  test("lets known products be ordered, those from longer ago as well", async () => {
    const [known, old] = [fixture.products.put({ price: 2 }), fixture.products.put({ price: 3 })];
    await order(known.id);
    await remember(old.id, { priceCents: 300, ageMs: 59 * MINUTE_MS });
    await fixture.products.goDown();
    expect(await order(known.id, { price: 2 })).toMatchObject({ status: 201 });
    expect(await order(old.id)).toMatchObject({ status: 201, body: { unitPrice: 3 } });
  });

  test("makes a product 503, and not 404, when it is unknown or from over an hour ago", async () => {
    const [unknown, older] = [fixture.products.put(), fixture.products.put()];
    await remember(older.id, { priceCents: 300, ageMs: 61 * MINUTE_MS });
    await fixture.products.goDown();
    for (const { id } of [unknown, older]) {
      expect(await order(id)).toMatchObject({
        status: 503,
        headers: { "retry-after": expect.stringMatching(/^\d+$/) },
        body: { code: "UNAVAILABLE", details: [] },
      });
      expect(await fixture.sql("SELECT 1 FROM orders WHERE product_id = $1", [id])).toEqual([]);
    }
  });

  test("makes a price other than the known one 503, since it may be right", async () => {
    const { id } = fixture.products.put({ price: 2 });
    await order(id);
    await fixture.products.goDown();
    expect((await order(id, { price: 3 })).status).toBe(503);
  });

  test("keeps no order waiting for long when it is silent", async () => {
    const [known, unknown] = [fixture.products.put(), fixture.products.put()];
    await remember(known.id, { priceCents: 300, ageMs: MINUTE_MS });
    const release = fixture.products.hold();
    const [slow, served] = await Promise.all([timed(order(unknown.id)), timed(order(known.id))]);
    expect(slow.answer.status).toBe(503);
    expect(slow.ms).toBeLessThan(2_000);
    expect(served.answer.status).toBe(201);
    expect(served.ms).toBeLessThan(2_000);
    // From the third failure on a breaker spares callers even that wait.
    await eventually(async () => {
      const { answer, ms } = await timed(order(unknown.id));
      expect(answer.status).toBe(503);
      expect(ms).toBeLessThan(300);
    });
    release();
  });

  test.each(["away", "silent"])(
    "one instance that is %s is left for another, and no order fails",
    async (how) => {
      const other = await startFakeProductService();
      if (how === "away") await other.stop();
      else onTestFinished(other.stop);
      onTestFinished(other.hold());
      const service = await fixture.startAnother({
        PRODUCT_SERVICE_URLS: `${other.url},${fixture.products.url}`,
      });
      onTestFinished(() => service.stop());
      for (let n = 0; n < 8; n += 1) {
        const body = { productId: fixture.products.put().id, qty: 1 };
        expect((await call(`${service.url}/orders`, { body })).status).toBe(201);
      }
    },
  );

  const BROKEN = {
    "500": { status: 500, text: '{"code":"INTERNAL","message":"","details":[]}' },
    "503 in HTML": { status: 503, text: "<html>", contentType: "text/html" },
    "bytes that are not JSON": { status: 200, text: "{" },
    nothing: { status: 200, text: "" },
    "JSON that is no product": { status: 200, text: '{"id":1}' },
    "a price in a string": {
      status: 200,
      text: '{"id":1,"name":"a","price":"1","qty":1,"version":1,"createdAt":"","updatedAt":""}',
    },
    "204": { status: 204, text: "" },
    "a 404 in HTML": { status: 404, text: "<html>", contentType: "text/html" },
    "a 404 of a route": { status: 404, text: '{"code":"NOT_FOUND","message":"","details":[]}' },
    "a 404 of another program": { status: 404, text: '{"error":"no such backend"}' },
  };

  test.each(Object.entries(BROKEN))(
    "%s is not taken for an answer: unknown is 503, known goes on",
    async (_, answer) => {
      const [known, unknown] = [fixture.products.put(), fixture.products.put()];
      await remember(known.id, { priceCents: 300, ageMs: MINUTE_MS });
      fixture.products.answerOddly(answer);
      expect((await order(unknown.id)).status).toBe(503);
      expect(await order(known.id)).toMatchObject({ status: 201, body: { unitPrice: 3 } });
    },
  );
});

describe("a Redis that is away", () => {
  test("does not stop orders, and a change is seen after a second", async () => {
    await fixture.redis.kill();
    try {
      const { id } = fixture.products.put({ price: 1 });
      expect((await order(id)).body.unitPrice).toBe(1);
      fixture.products.put({ id, price: 2 });
      await eventually(async () => expect((await order(id)).body.unitPrice).toBe(2), 2_000);
    } finally {
      await fixture.redis.restart();
    }
    await fixture.ready();
  });

  test("keeps no order waiting for long when it is silent", async () => {
    await fixture.redis.pause();
    try {
      for (let n = 0; n < 5; n += 1) {
        const { answer, ms } = await timed(order(fixture.products.put().id));
        expect(answer.status).toBe(201);
        expect(ms).toBeLessThan(1_000);
      }
    } finally {
      await fixture.redis.resume();
    }
    await fixture.ready();
  });
});
