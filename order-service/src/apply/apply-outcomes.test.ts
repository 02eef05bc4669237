import { randomUUIDv7 } from "node:crypto";
import type { EventData } from "@shop/contracts/event";
import type { Order } from "@shop/contracts/order";
import { ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { eventOf } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

type Outcome = EventData<"order.updated">;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const { name: QUEUE, deadQueue: DEAD } = ORDER_UPDATED_QUEUE;

const placed = async (count: number): Promise<Order[]> => {
  const { id: productId } = fixture.products.put();
  return Promise.all(Array.from({ length: count }, () => fixture.placed({ productId })));
};

const outcome = (order: Order, reason: Outcome["reason"] = null): Outcome => ({
  orderId: order.id,
  productId: order.productId,
  status: reason === null ? "done" : "rejected",
  reason,
  decidedAt: new Date().toISOString(),
});

const read = async ({ id }: Order): Promise<Order> => (await fixture.request(`/orders/${id}`)).body;

const settled = (order: Order): Promise<Order> =>
  eventually(async () => {
    const now = await read(order);
    expect(now.status).toMatch(/^(done|rejected)$/);
    return now;
  });

/** The outcomes of many, in their order, once all have one. */
const allSettled = (orders: readonly Order[]): Promise<(string | null)[]> =>
  eventually(async () => {
    const rows = await fixture.sql<{ id: string; status: string; reason: string | null }>(
      "SELECT id, status, reason FROM orders WHERE id = ANY($1::uuid[])",
      [orders.map(({ id }) => id)],
    );
    expect(rows.filter(({ status }) => status === "pending")).toEqual([]);
    const outcomes = new Map(rows.map(({ id, status, reason }) => [id, reason ?? status]));
    return orders.map(({ id }) => outcomes.get(id) ?? null);
  });

const emptied = (): Promise<void> =>
  eventually(async () => expect(await fixture.broker.depth(QUEUE)).toBe(0));

/** While no order can be changed, so that all outcomes that come meanwhile are one batch then. */
const inOneBatch = (blocker: Order, tell: () => Promise<void>): Promise<void> =>
  fixture.sql.holding("LOCK TABLE orders IN SHARE MODE", async () => {
    await fixture.broker.publish("order.updated", outcome(blocker));
    await eventually(async () =>
      expect(
        await fixture.sql(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'order-service' AND wait_event_type = 'Lock'`,
        ),
      ).toHaveLength(1),
    );
    await tell();
    // Delivered to the service, which can't handle it yet.
    await eventually(async () => expect(await fixture.broker.depth(QUEUE)).toBe(0));
  });

/** A seeded shuffle, so that a run that fails can be repeated. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  const keyed = items.map((item) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return { item, key: state };
  });
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}

describe("an outcome", () => {
  test.each([null, "OUT_OF_STOCK", "PRODUCT_NOT_FOUND"] as const)(
    "with the reason %s settles the order, and nothing else of it changes",
    async (reason) => {
      const [order] = (await placed(1)) as [Order];
      await fixture.decide(order, reason);
      const now = await settled(order);
      expect(now).toEqual({
        ...order,
        status: reason === null ? "done" : "rejected",
        reason,
        updatedAt: expect.any(String),
      });
      expect(Date.parse(now.updatedAt)).toBeGreaterThanOrEqual(Date.parse(order.createdAt));
    },
  );

  test("is not dated before its order, also when the order's clock was ahead", async () => {
    const [order] = (await placed(1)) as [Order];
    await fixture.sql(
      `UPDATE orders SET created_at = created_at + interval '1 hour',
         updated_at = updated_at + interval '1 hour' WHERE id = $1`,
      [order.id],
    );
    await fixture.decide(order);
    const now = await settled(order);
    expect(now.updatedAt).toBe(now.createdAt);
  });

  test("that comes again changes nothing", async () => {
    const [order, last] = (await placed(2)) as [Order, Order];
    await fixture.decide(order);
    const first = await settled(order);
    for (let n = 0; n < 3; n += 1) await fixture.decide(order);
    await fixture.decide(last);
    await settled(last);
    expect(await read(order)).toEqual(first);
  });

  test("that contradicts an earlier one is ignored", async () => {
    const [done, rejected, last] = (await placed(3)) as [Order, Order, Order];
    await fixture.decide(done);
    await fixture.decide(rejected, "OUT_OF_STOCK");
    await Promise.all([settled(done), settled(rejected)]);
    await fixture.decide(done, "OUT_OF_STOCK");
    await fixture.decide(rejected);
    await fixture.decide(rejected, "PRODUCT_NOT_FOUND");
    await fixture.decide(last);
    await settled(last);
    expect(await read(done)).toMatchObject({ status: "done", reason: null });
    expect(await read(rejected)).toMatchObject({ status: "rejected", reason: "OUT_OF_STOCK" });
  });

  test("that contradicts an earlier one of its batch is ignored as well", async () => {
    const [blocker, ...orders] = (await placed(9)) as [Order, ...Order[]];
    await inOneBatch(blocker, async () => {
      await fixture.broker.publishAll(
        "order.updated",
        orders.map((order) => outcome(order)),
      );
      await fixture.broker.publishAll(
        "order.updated",
        orders.map((order) => outcome(order, "OUT_OF_STOCK")),
      );
    });
    for (const order of orders) expect((await settled(order)).status).toBe("done");
  });

  test("of an unknown order is ignored, and the next one is applied", async () => {
    const [order] = (await placed(1)) as [Order];
    await fixture.decide({ id: randomUUIDv7(), productId: order.productId });
    await fixture.decide(order);
    expect((await settled(order)).status).toBe("done");
    await emptied();
    expect(await fixture.broker.depth(DEAD)).toBe(0);
  });

  test("that names another product is counted, and does not keep the true one from its order", async () => {
    const [blocker, ...orders] = (await placed(6)) as [Order, ...Order[]];
    const forged = orders.map((order) => ({ ...outcome(order), productId: order.productId + 1 }));
    await inOneBatch(blocker, async () => {
      await fixture.broker.publishAll("order.updated", forged);
      await fixture.broker.publishAll(
        "order.updated",
        orders.map((order) => outcome(order, "OUT_OF_STOCK")),
      );
    });
    for (const order of orders)
      expect(await settled(order)).toMatchObject({ status: "rejected", reason: "OUT_OF_STOCK" });
    await eventually(async () =>
      expect(await metrics()).toContain("order_outcomes_mismatched_total 5\n"),
    );
    const lines = fixture.log.lines.filter(({ msg }) => msg.includes("another product"));
    expect(lines).toMatchObject([{ level: "error", outcomes: 5 }]);
    await emptied();
    expect(await fixture.broker.depth(DEAD)).toBe(0);
  });

  test("that names another product leaves its order pending", async () => {
    const [order, last] = (await placed(2)) as [Order, Order];
    await fixture.decide({ ...order, productId: order.productId + 1 });
    await fixture.decide(last);
    await settled(last);
    expect(await read(order)).toEqual(order);
  });

  test("is taken with its request id in the log", async () => {
    const [order] = (await placed(1)) as [Order];
    await fixture.broker.publish("order.updated", outcome(order), { requestId: "settles-it" });
    await fixture.taken("settles-it");
    expect(fixture.log.lines).toContainEqual(
      expect.objectContaining({ level: "debug", event: "order.updated", requestId: "settles-it" }),
    );
  });
});

test("is applied once, of many that come three times and shuffled", async () => {
  const orders = await placed(150);
  const reasonOf = (n: number) => ([null, "OUT_OF_STOCK", "PRODUCT_NOT_FOUND"] as const)[n % 3]!;
  const outcomes = orders.map((order, n) => outcome(order, reasonOf(n)));
  const before = Number(/^orders_settled_total (\d+)$/m.exec(await metrics())?.[1]);
  await fixture.broker.publishAll(
    "order.updated",
    shuffled([...outcomes, ...outcomes, ...outcomes], 20_261_120),
  );
  expect(await allSettled(orders)).toEqual(orders.map((_, n) => reasonOf(n) ?? "done"));
  await eventually(async () =>
    expect(await metrics()).toContain(`orders_settled_total ${before + orders.length}\n`),
  );
});

const metrics = async (): Promise<string> => (await fixture.request("/metrics")).text;

describe("a message that is not an order.updated", () => {
  const decision = { orderId: randomUUIDv7(), productId: 1, decidedAt: new Date().toISOString() };
  const event = (data: object): string => JSON.stringify(eventOf("order.updated", data as Outcome));

  test("is dead-lettered as it is, and the others are on time", async () => {
    const poison = [
      "{not json",
      "",
      "null",
      "[]",
      '"order.updated"',
      JSON.stringify({ type: "order.updated" }),
      JSON.stringify(eventOf("product.deleted", { id: 1, version: 1 })),
      event({ ...decision, status: "pending", reason: null }),
      event({ ...decision, status: "rejected", reason: null }),
      event({ ...decision, status: "done", reason: "OUT_OF_STOCK" }),
      event({ ...decision, status: "done", reason: null, orderId: "1" }),
      `"${"x".repeat(5_000_000)}"`,
    ];
    const orders = await placed(poison.length);
    for (const [n, content] of poison.entries()) {
      await fixture.broker.send("order.updated", content);
      await fixture.decide(orders[n]!);
    }
    const startedAt = performance.now();
    for (const one of orders) expect((await settled(one)).status).toBe("done");
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await eventually(async () => expect(await fixture.broker.depth(DEAD)).toBe(poison.length));
    const dead: string[] = [];
    while (dead.length < poison.length) {
      dead.push((await fixture.broker.take(DEAD))!.content.toString());
    }
    expect(dead.toSorted()).toEqual(poison.toSorted());
    expect(JSON.stringify(fixture.log.lines)).not.toContain("xxxxxxxx");
    await emptied();
  });

  test("is dead-lettered alone when the database rejects it, and the rest of its batch is applied", async () => {
    const [bad] = (await placed(1)) as [Order];
    const [blocker, ...orders] = (await placed(20)) as [Order, ...Order[]];
    await fixture.sql(
      `ALTER TABLE orders ADD CONSTRAINT stays_pending
         CHECK (product_id <> ${bad.productId} OR status = 'pending')`,
    );
    await inOneBatch(blocker, () =>
      fixture.broker.publishAll(
        "order.updated",
        [...orders.slice(0, 10), bad, ...orders.slice(10)].map((order) => outcome(order)),
      ),
    );
    for (const one of orders) expect((await settled(one)).status).toBe("done");
    await eventually(async () => expect(await fixture.broker.depth(DEAD)).toBe(1));
    await fixture.sql("ALTER TABLE orders DROP CONSTRAINT stays_pending");
    const dead = await fixture.broker.take(DEAD);
    expect(JSON.parse(dead!.content.toString()).data.orderId).toBe(bad.id);
    expect((await read(bad)).status).toBe("pending");
  });
});

describe("a database that is away", () => {
  test("makes outcomes wait; none is lost, and none is dead-lettered", async () => {
    const orders = await placed(40);
    await fixture.ways.database.cut();
    await fixture.broker.publishAll(
      "order.updated",
      orders.map((order) => outcome(order)),
    );
    await eventually(() =>
      expect(fixture.log.lines).toContainEqual(
        expect.objectContaining({ msg: "a batch waits for the database" }),
      ),
    );
    await fixture.ways.database.restore();
    for (const order of orders) expect((await settled(order)).status).toBe("done");
    await emptied();
    expect(await fixture.broker.depth(DEAD)).toBe(0);
  });
});

test("two instances share the outcomes, and each order gets its own", async () => {
  const another = await fixture.startAnother();
  try {
    await fixture.ready(another.url);
    const orders = await placed(200);
    const outcomes = orders.map((order, n) => outcome(order, n % 2 === 0 ? null : "OUT_OF_STOCK"));
    await fixture.broker.publishAll("order.updated", shuffled([...outcomes, ...outcomes], 7));
    expect(await allSettled(orders)).toEqual(
      outcomes.map(({ status, reason }) => reason ?? status),
    );
    await emptied();
    expect(await fixture.broker.depth(DEAD)).toBe(0);
  } finally {
    await another.stop();
  }
});

test("D12: an order that is locked for long waits, and the others get their outcome meanwhile", async () => {
  const orders = await placed(20);
  const [held, ...free] = orders;
  await fixture.sql.holding(
    `SELECT 1 FROM orders WHERE id = '${held!.id}' FOR UPDATE`,
    async () => {
      await Promise.all(
        orders.map((order) => fixture.broker.publish("order.updated", outcome(order))),
      );
      expect(new Set(await allSettled(free))).toEqual(new Set(["done"]));
      expect((await read(held!)).status).toBe("pending");
    },
  );
  expect((await settled(held!)).status).toBe("done");
  await emptied();
});
