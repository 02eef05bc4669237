import type { Order } from "@shop/contracts/order";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const keyOf = (productId: number): string => `orders:product:${productId}`;

const list = async (productId: number, query = "") => {
  const { status, body } = await fixture.request(`/orders/product/${productId}${query}`);
  expect(status).toBe(200);
  return body as { items: Order[]; nextCursor: string | null };
};

const ids = ({ items }: { items: readonly Order[] }): string[] => items.map(({ id }) => id);

/** A product with so many orders, newest first. */
const productWith = async (count: number): Promise<{ productId: number; orders: Order[] }> => {
  const { id: productId } = fixture.products.put();
  const orders: Order[] = [];
  for (let n = 0; n < count; n += 1) orders.unshift(await fixture.placed({ productId }));
  return { productId, orders };
};

/** Out of the database, behind everybody's back: who still lists it has it from the cache. */
const removeBehindBack = (order: Order) =>
  fixture.sql("DELETE FROM orders WHERE id = $1", [order.id]);

const timed = async <T>(work: Promise<T>): Promise<{ answer: T; ms: number }> => {
  const startedAt = performance.now();
  return { answer: await work, ms: performance.now() - startedAt };
};

describe("the first page", () => {
  test("is cached by its first reader as readable text, for 5 seconds at most", async () => {
    const { productId, orders } = await productWith(2);
    expect(await fixture.cache.get(keyOf(productId))).toBeNull();
    const page = await list(productId);
    expect(page).toEqual({ items: orders, nextCursor: null });
    expect(JSON.parse((await fixture.cache.get(keyOf(productId))) ?? "")).toEqual(page);
    const ttlMs = await fixture.cache.pTTL(keyOf(productId));
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(5_000);
  });

  test("is answered from the cache to the next readers", async () => {
    const { productId, orders } = await productWith(2);
    const before = await list(productId);
    await removeBehindBack(orders[0]!);
    expect(await list(productId)).toEqual(before);
  });

  test("is cached as well when it is empty", async () => {
    const { id: productId } = fixture.products.put();
    expect(await list(productId)).toEqual({ items: [], nextCursor: null });
    expect(await fixture.cache.get(keyOf(productId))).toBe('{"items":[],"nextCursor":null}');
  });

  test("is cut for smaller limits, and the next page begins where it was cut", async () => {
    const { productId, orders } = await productWith(8);
    await list(productId);
    await removeBehindBack(orders[0]!);
    for (const limit of [1, 3, 7]) {
      const page = await list(productId, `?limit=${limit}`);
      expect(page.items).toEqual(orders.slice(0, limit));
      const rest = await list(productId, `?limit=100&cursor=${page.nextCursor}`);
      expect(rest).toEqual({ items: orders.slice(limit), nextCursor: null });
    }
    for (const limit of [8, 9, 20]) {
      expect(await list(productId, `?limit=${limit}`)).toEqual({ items: orders, nextCursor: null });
    }
  });

  test("keeps the next page's place where it is not the last", async () => {
    const { productId, orders } = await productWith(22);
    await list(productId, "?limit=5");
    const cached = await list(productId);
    expect(cached.items).toEqual(orders.slice(0, 20));
    const rest = await list(productId, `?cursor=${cached.nextCursor}`);
    expect(rest).toEqual({ items: orders.slice(20), nextCursor: null });
  });

  test("is loaded once for all readers at the same time", async () => {
    const { productId, orders } = await productWith(1);
    const readers: Promise<unknown>[] = [];
    // Not for long: who waits for a lock gives up after 1.5 seconds.
    await fixture.sql.holding("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", async () => {
      for (let n = 0; n < 12; n += 1) readers.push(list(productId));
      await fixture.request("/health/live");
      await eventually(async () => expect(await waitingForLocks()).toHaveLength(1));
    });
    for (const page of await Promise.all(readers))
      expect(page).toEqual({ items: orders, nextCursor: null });
  });
});

const waitingForLocks = (): Promise<object[]> =>
  fixture.sql(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
       AND application_name = 'order-service' AND wait_event_type = 'Lock'`,
  );

describe("other pages", () => {
  test.each(["?limit=21", "?limit=100"])("%s is not cached", async (query) => {
    const { productId, orders } = await productWith(2);
    expect(await list(productId, query)).toEqual({ items: orders, nextCursor: null });
    expect(await fixture.cache.get(keyOf(productId))).toBeNull();
  });

  test("are not cached after a cursor", async () => {
    const { productId, orders } = await productWith(3);
    const { nextCursor } = await list(productId, "?limit=1");
    await removeBehindBack(orders[2]!);
    expect(await list(productId, `?cursor=${nextCursor}`)).toEqual({
      items: orders.slice(1, 2),
      nextCursor: null,
    });
  });
});

describe("a writer", () => {
  test("sees its order in the next read, each time, beside many readers", async () => {
    const { id: productId } = fixture.products.put();
    const writing = new AbortController();
    const readers = Array.from({ length: 4 }, async () => {
      while (!writing.signal.aborted) await list(productId);
    });
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let n = 0; n < 4; n += 1) {
          const { id } = await fixture.placed({ productId });
          expect(ids(await list(productId))).toContain(id);
        }
      }),
    );
    writing.abort();
    await Promise.all(readers);
  });

  test("sees its order at another instance", async () => {
    const another = await fixture.startAnother();
    try {
      await fixture.ready(another.url);
      const { id: productId } = fixture.products.put();
      for (let n = 0; n < 5; n += 1) {
        await list(productId);
        const { body } = await call(`${another.url}/orders`, { body: { productId, qty: 1 } });
        expect(ids(await list(productId))[0]).toBe(body.id);
      }
    } finally {
      await another.stop();
    }
  });

  test("sees an outcome as soon as it is applied", async () => {
    const { productId, orders } = await productWith(2);
    await list(productId);
    await fixture.decide(orders[1]!);
    await eventually(
      async () => expect((await list(productId)).items[1]?.status).toBe("done"),
      2_000,
    );
  });

  test("keeps slower readers from caching what they read before", async () => {
    const { productId, orders } = await productWith(1);
    let reading: Promise<unknown> = Promise.resolve();
    await fixture.sql.holding("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", async () => {
      reading = list(productId);
      await eventually(async () => expect(await waitingForLocks()).toHaveLength(1));
      // What a writer does after its commit.
      await fixture.cache.set(`${keyOf(productId)}:token`, "another token");
    });
    expect(await reading).toEqual({ items: orders, nextCursor: null });
    expect(await fixture.cache.get(keyOf(productId))).toBeNull();
    await list(productId);
    expect(await fixture.cache.get(keyOf(productId))).not.toBeNull();
  });

  test("does not share a load from before its write", async () => {
    const { productId, orders } = await productWith(1);
    const reading: Promise<unknown>[] = [];
    await fixture.sql.holding("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", async () => {
      reading.push(list(productId));
      await eventually(async () => expect(await waitingForLocks()).toHaveLength(1));
      await fixture.cache.set(`${keyOf(productId)}:token`, "another token");
      reading.push(list(productId));
      await eventually(async () => expect(await waitingForLocks()).toHaveLength(2));
    });
    const page = { items: orders, nextCursor: null };
    expect(await Promise.all(reading)).toEqual([page, page]);
  });
});

describe("unreadable text in Redis", () => {
  test.each(["{", '"text"', "{}", "[]", "7", '{"items":[}'])(
    "%s is as good as nothing",
    async (unreadable) => {
      const { productId, orders } = await productWith(1);
      await fixture.cache.set(keyOf(productId), unreadable);
      expect(await list(productId)).toEqual({ items: orders, nextCursor: null });
      expect(JSON.parse((await fixture.cache.get(keyOf(productId))) ?? "").items).toEqual(orders);
    },
  );

  test("counts as a miss also under a key of another type", async () => {
    const { productId, orders } = await productWith(1);
    await fixture.cache.lPush(keyOf(productId), "a list");
    expect(await list(productId)).toEqual({ items: orders, nextCursor: null });
  });
});

describe("a Redis", () => {
  test("that is dead makes no list wrong, and caches again when it is back", async () => {
    const { productId, orders } = await productWith(2);
    await list(productId);
    await fixture.redis.kill();
    expect(await list(productId)).toEqual({ items: orders, nextCursor: null });
    const { id } = await fixture.placed({ productId });
    expect(ids(await list(productId))[0]).toBe(id);
    expect(ids(await list(productId, "?limit=1"))).toEqual([id]);
    await fixture.redis.restart();
    await fixture.ready();
    await eventually(async () => {
      await list(productId);
      expect(await fixture.cache.get(keyOf(productId))).not.toBeNull();
    });
  });

  test("that is silent makes no list wrong or slow, and learns what it has missed", async () => {
    const { productId, orders } = await productWith(2);
    await list(productId);
    await fixture.redis.pause();
    let last = "";
    for (let n = 0; n < 5; n += 1) {
      const placing = await timed(fixture.placed({ productId }));
      last = placing.answer.id;
      const reading = await timed(list(productId));
      expect(ids(reading.answer)[0]).toBe(last);
      expect(reading.answer.items).toHaveLength(orders.length + 1 + n);
      expect(Math.max(placing.ms, reading.ms)).toBeLessThan(1_000);
    }
    await fixture.redis.resume();
    await fixture.ready();
    await eventually(async () => expect(ids(await list(productId))[0]).toBe(last), 6_000);
  });
});
