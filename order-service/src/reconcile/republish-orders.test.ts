import type { Order } from "@shop/contracts/order";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eachOnce, type HeardEvent } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

/** Longer than any test: an order's time comes when a test says so. */
const FIRST_WAIT_MS = 60_000;
/** From the statement that sets a time until it is looked at. */
const LOOKED_AT_AFTER_MS = 10_000;

const { name: QUEUE } = ORDER_CREATED_QUEUE;

let fixture: Fixture;
/** Stops the consumer that acks the orders and decides none. */
let stopConsuming: () => Promise<void>;

beforeAll(async () => {
  fixture = await startFixture({
    RECONCILE_AFTER_MS: `${FIRST_WAIT_MS}`,
    RECONCILE_EVERY_MS: "50",
  });
});
afterAll(() => fixture.stop());
// So that no order of an earlier test is republished in a later one.
beforeEach(async () => {
  await fixture.sql("UPDATE orders SET status = 'done', reason = NULL WHERE status = 'pending'");
  const stop = await fixture.broker.takeFrom(QUEUE);
  let stopping: Promise<void> | undefined;
  stopConsuming = () => (stopping ??= stop());
});
afterEach(async () => {
  await stopConsuming();
  await fixture.broker.purge(QUEUE);
});

const without = async (
  way: Fixture["ways"]["broker"],
  work: () => Promise<void>,
): Promise<void> => {
  await way.cut();
  try {
    await work();
  } finally {
    await way.restore();
  }
};

const placed = async (count: number): Promise<Order[]> => {
  const { id: productId } = fixture.products.put();
  const orders = await Promise.all(
    Array.from({ length: count }, () => fixture.placed({ productId })),
  );
  await eventually(async () => expect(await fixture.sql("SELECT 1 FROM outbox")).toEqual([]));
  return orders;
};

/** Pending orders as if they had been placed a moment ago, published and lost. */
const insertPending = (count: number, nextTellAt: string): Promise<{ id: string }[]> =>
  fixture.sql<{ id: string }>(
    `INSERT INTO orders (id, product_id, qty, unit_price_cents, total_price_cents, status, request_id,
       created_at, updated_at, next_tell_at)
     SELECT gen_random_uuid(), 1, 1, 100, 100, 'pending', 'request-' || n, now(), now(), ${nextTellAt}
     FROM generate_series(1, $1) AS n RETURNING id`,
    [count],
  );

const makeOverdue = (orders: readonly { readonly id: string }[]) =>
  fixture.sql("UPDATE orders SET next_tell_at = now() WHERE id = ANY($1::uuid[])", [
    orders.map(({ id }) => id),
  ]);

interface Tries {
  readonly id: string;
  /** The transaction that republished it. */
  readonly batch: string;
  readonly times: number;
  readonly wait: number;
}

/** How often each was republished, and how many milliseconds from now it would be again. */
const triesOf = (orders: readonly { readonly id: string }[]): Promise<Tries[]> =>
  fixture.sql<Tries>(
    `SELECT id, xmin::text AS batch, times_told_again AS times,
       extract(epoch FROM next_tell_at - now())::float8 * 1000 AS wait
     FROM orders WHERE id = ANY($1::uuid[])`,
    [orders.map(({ id }) => id)],
  );

const republished = (orders: readonly { readonly id: string }[], times: number) =>
  eventually(async () => {
    const rows = await triesOf(orders);
    expect(rows.map((row) => row.times)).toEqual(orders.map(() => times));
    return rows;
  });

/** Not in ten turns and more after their time has come. */
const expectNotToldAgain = async (orders: readonly { readonly id: string }[]): Promise<void> => {
  await makeOverdue(orders);
  await eventually(async () => {
    for (const { wait } of await triesOf(orders)) expect(wait).toBeLessThan(-500);
  });
  expect(await triesOf(orders)).toMatchObject(Array.from(orders, () => ({ times: 0 })));
};

const heardOf = (heard: readonly HeardEvent<"order.created">[], { id }: { readonly id: string }) =>
  eachOnce(heard.filter(({ data }) => data.id === id));

/** How many orders each transaction republished, the most first. */
function batchSizes(rows: readonly Tries[]): number[] {
  const sizes = new Map<string, number>();
  for (const { batch } of rows) sizes.set(batch, (sizes.get(batch) ?? 0) + 1);
  return [...sizes.values()].toSorted((a, b) => b - a);
}

describe("an order that stays pending", () => {
  test("because its order.created was lost is republished as it is, with its own request id", async () => {
    await stopConsuming();
    const heard = await fixture.broker.receive("order.created");
    const { id: productId } = fixture.products.put();
    const { body: order } = await fixture.place(
      { productId, qty: 2 },
      { "x-request-id": "lost-1" },
    );
    await eventually(() => expect(heardOf(heard, order)).toHaveLength(1));
    // It may reach one queue before the other.
    await eventually(async () => expect(await fixture.broker.depth(QUEUE)).toBe(1));
    await fixture.broker.purge(QUEUE);
    const [{ wait }] = (await triesOf([order])) as [Tries];
    expect(wait).toBeGreaterThan(FIRST_WAIT_MS - LOOKED_AT_AFTER_MS);
    expect(wait).toBeLessThanOrEqual(FIRST_WAIT_MS);
    await makeOverdue([order]);

    const [first, again] = await eventually(() => {
      const both = heardOf(heard, order);
      expect(both).toHaveLength(2);
      return both;
    });
    expect(again).toMatchObject({ requestId: "lost-1", data: order });
    expect(again!.id).not.toBe(first!.id);
    const message = await fixture.broker.take(QUEUE);
    expect(JSON.parse(message!.content.toString()).data).toEqual(order);
    expect((await fixture.request("/metrics")).text).toMatch(/^orders_republished_total [1-9]/m);
    await eventually(() =>
      expect(fixture.log.lines).toContainEqual(
        expect.objectContaining({
          level: "warn",
          msg: "republished orders that stayed pending too long",
          orders: 1,
        }),
      ),
    );
  });

  test("waits twice as long for each next time, up to 64 times the first wait", async () => {
    const orders = await placed(1);
    for (const [times, factor] of [2, 4, 8, 16, 32, 64, 64].entries()) {
      await makeOverdue(orders);
      const [row] = await republished(orders, times + 1);
      expect(row!.wait).toBeGreaterThan(FIRST_WAIT_MS * factor - LOOKED_AT_AFTER_MS);
      expect(row!.wait).toBeLessThanOrEqual(FIRST_WAIT_MS * factor);
    }
  });

  test("for weeks is still republished, and its count does not overflow", async () => {
    const orders = await placed(1);
    await fixture.sql("UPDATE orders SET times_told_again = 1000 WHERE id = $1", [orders[0]!.id]);
    await makeOverdue(orders);
    await eventually(async () => {
      const [row] = await triesOf(orders);
      expect(row).toMatchObject({ times: 1_000 });
      expect(row!.wait).toBeGreaterThan(0);
    });
  });

  test("is not republished once it is settled", async () => {
    const [settled, pending] = (await placed(2)) as [Order, Order];
    await fixture.decide(settled);
    await eventually(async () =>
      expect((await fixture.request(`/orders/${settled.id}`)).body.status).toBe("done"),
    );
    await makeOverdue([settled, pending]);
    await republished([pending], 1);
    expect(await triesOf([settled])).toMatchObject([{ times: 0 }]);
  });

  test("is not republished while its event is in the outbox, and is when that is gone", async () => {
    const [waiting, lost] = (await placed(2)) as [Order, Order];
    await fixture.sql(
      `INSERT INTO outbox (id, type, subject, request_id, payload, leased_until)
       VALUES (gen_random_uuid(), 'order.created', $1, 'r', '{}', now() + interval '1 hour')`,
      [waiting.id],
    );
    await makeOverdue([waiting, lost]);
    await republished([lost], 1);
    expect(await triesOf([waiting])).toMatchObject([{ times: 0 }]);
    await fixture.sql("DELETE FROM outbox WHERE subject = $1", [waiting.id]);
    await republished([waiting], 1);
  });
});

describe("many at once", () => {
  test("are republished 500 at a time", async () => {
    const orders = await insertPending(1_250, "now() + interval '1 hour'");
    await makeOverdue(orders);
    expect(batchSizes(await republished(orders, 1))).toEqual([500, 500, 250]);
  });

  test("are republished 500 at a time also when the planner expects none", async () => {
    await insertPending(2_000, "now() + interval '1 hour'");
    await fixture.sql("UPDATE orders SET status = 'done'");
    await fixture.sql("VACUUM ANALYZE orders");
    await fixture.sql("VACUUM ANALYZE outbox");
    const orders = await insertPending(1_250, "now()");
    expect(batchSizes(await republished(orders, 1))).toEqual([500, 500, 250]);
  });

  test("are republished once each by two instances", async () => {
    const heard = await fixture.broker.receive("order.created");
    const another = await fixture.startAnother();
    try {
      await fixture.ready(another.url);
      const orders = await insertPending(900, "now() + interval '1 hour'");
      await makeOverdue(orders);
      await republished(orders, 1);
      await eventually(() =>
        expect(orders.filter((order) => heardOf(heard, order).length === 0)).toEqual([]),
      );
      const rows = new Map((await triesOf(orders)).map(({ id, times }) => [id, times]));
      // The next time is not yet: what was republished twice by now was republished by both.
      expect(
        orders.filter((order) => heardOf(heard, order).length > (rows.get(order.id) ?? 0)),
      ).toEqual([]);
    } finally {
      await another.stop();
    }
  });
});

describe("republishing", () => {
  test("waits for the broker", async () => {
    const orders = await placed(3);
    await without(fixture.ways.broker, async () => {
      await eventually(async () =>
        expect((await fixture.request("/health/ready")).body.checks.broker).toBe("degraded"),
      );
      await expectNotToldAgain(orders);
    });
    await republished(orders, 1);
    await fixture.ready();
  });

  test("waits for product-service while its queue has messages", async () => {
    await stopConsuming();
    const orders = await placed(3);
    await expectNotToldAgain(orders);
    onTestFinished(await fixture.broker.takeFrom(QUEUE));
    await republished(orders, 1);
  });

  test("waits for product-service to keep up while thousands of messages wait", async () => {
    await stopConsuming();
    onTestFinished(await fixture.broker.takeFrom(QUEUE, { hangs: true }));
    const [earlier] = (await placed(1)) as [Order];
    await fixture.broker.publishAll(
      "order.created",
      Array.from({ length: 5_001 }, () => earlier),
    );
    const orders = await placed(3);
    await expectNotToldAgain(orders);
    await fixture.broker.purge(QUEUE);
    await republished(orders, 1);
  });

  test("goes on without the queue, and its orders are there when product-service has declared it again", async () => {
    const orders = await placed(3);
    await stopConsuming();
    // Who takes what comes meanwhile, so that it does not come back to its sender.
    await fixture.broker.receive("order.created");
    await fixture.broker.deleteQueue(QUEUE);
    await makeOverdue(orders);
    await republished(orders, 1);
    await fixture.declareQueues();
    await makeOverdue(orders);
    await republished(orders, 2);
    await eventually(async () => expect(await fixture.broker.depth(QUEUE)).toBe(3));
  });

  test("goes on when the database is back", async () => {
    const orders = await placed(1);
    await without(fixture.ways.database, () =>
      eventually(() =>
        expect(fixture.log.lines).toContainEqual(
          expect.objectContaining({ level: "warn", part: "reconciler" }),
        ),
      ),
    );
    await makeOverdue(orders);
    await republished(orders, 1);
  });
});

test("waits while much is in the outbox", async () => {
  await fixture.sql(
    `INSERT INTO outbox (id, type, subject, request_id, payload, leased_until)
     SELECT gen_random_uuid(), 'order.created', n::text, 'r', '{}', now() + interval '1 hour'
     FROM generate_series(1, 10000) AS n`,
  );
  // Due only when a turn of the reconciler that began before all of that was there is over.
  const orders = await insertPending(3, "now() + interval '500 milliseconds'");
  // Ten turns and more.
  await eventually(async () => {
    for (const { wait } of await triesOf(orders)) expect(wait).toBeLessThan(-500);
  });
  expect(await triesOf(orders)).toMatchObject(Array.from(orders, () => ({ times: 0 })));
  await fixture.sql("DELETE FROM outbox WHERE leased_until > now() + interval '1 minute'");
  await republished(orders, 1);
});

test("counts orders that are pending for longer than the reconciler waits", async () => {
  const pendingTooLong = async (count: number): Promise<void> =>
    expect((await fixture.request("/metrics")).text).toContain(
      `orders_pending_too_long ${count}\n`,
    );
  const orders = await placed(3);
  await pendingTooLong(0);
  await fixture.sql(
    "UPDATE orders SET created_at = now() - interval '1 hour' WHERE id = ANY($1::uuid[])",
    [orders.slice(1).map(({ id }) => id)],
  );
  await pendingTooLong(2);
});
