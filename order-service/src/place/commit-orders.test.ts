import type { Order } from "@shop/contracts/order";
import { eachOnce } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import type { Answer } from "@shop/test-support/http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

/** On either side of an order that fails. Each is tried alone then, four at a time, and must not wait for 2 s for its turn. */
const NEIGHBOURS = 10;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const many = <T>(count: number, one: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => one(n)));

const statuses = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

const rowsOf = (productId: number) =>
  fixture.sql<{ id: string; batch: string }>(
    "SELECT id, xmin::text AS batch FROM orders WHERE product_id = $1",
    [productId],
  );

const backends = (condition: string): Promise<{ pid: number }[]> =>
  fixture.sql<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'order-service' AND ${condition}`,
  );

const waitingForLocks = (count: number): Promise<void> =>
  eventually(async () => expect(await backends("wait_event_type = 'Lock'")).toHaveLength(count));

const timed = async <T>(work: Promise<T>): Promise<{ answer: T; ms: number }> => {
  const startedAt = performance.now();
  return { answer: await work, ms: performance.now() - startedAt };
};

const expectUnavailable = (answer: Answer): void =>
  expect(answer).toMatchObject({
    status: 503,
    headers: { "retry-after": expect.stringMatching(/^\d+$/) },
    body: { code: "UNAVAILABLE", details: [] },
  });

describe("orders that arrive together", () => {
  test("share transactions, and each has an answer, a row and an event of its own", async () => {
    const events = await fixture.broker.receive("order.created");
    const { id: productId } = fixture.products.put();
    const answers = await many(600, (n) => fixture.place({ productId, qty: 1 + n }));
    expect(statuses(answers)).toEqual({ 201: 600 });

    const ids = answers.map(({ body }) => (body as Order).id).toSorted();
    const rows = await rowsOf(productId);
    expect(rows.map(({ id }) => id).toSorted()).toEqual(ids);
    expect(new Set(rows.map(({ batch }) => batch)).size).toBeLessThan(120);
    await eventually(() =>
      expect(
        eachOnce(events)
          .map(({ data }) => data.id)
          .toSorted(),
      ).toEqual(ids),
    );
    const quantities = answers.map(({ body }) => (body as Order).qty);
    expect(quantities).toEqual(Array.from({ length: 600 }, (_, n) => 1 + n));
  });

  test("do not fail because of a neighbour; it fails alone and leaves nothing", async () => {
    const { id: productId } = fixture.products.put();
    const bad = fixture.products.put().id;
    await Promise.all([fixture.placed({ productId }), fixture.placed({ productId: bad })]);
    await fixture.sql(
      `ALTER TABLE orders ADD CONSTRAINT no_neighbour CHECK (product_id <> ${bad}) NOT VALID`,
    );
    const good = (): Promise<Answer> => fixture.place({ productId, qty: 1 });
    const ahead: Promise<Answer>[] = [];
    let behind: Promise<Answer[]> = Promise.resolve([]);
    // Behind two batches that wait, all the others gather in one.
    await fixture.sql.holding("LOCK TABLE orders IN SHARE MODE", async () => {
      for (const batches of [1, 2]) {
        ahead.push(good());
        await waitingForLocks(batches);
      }
      behind = Promise.all([
        ...Array.from({ length: NEIGHBOURS }, good),
        fixture.place({ productId: bad, qty: 1 }),
        ...Array.from({ length: NEIGHBOURS }, good),
      ]);
      for (let n = 0; n < 5; n += 1) await fixture.request("/health/live");
    });
    expect(statuses(await Promise.all(ahead))).toEqual({ 201: 2 });
    const answers = await behind;
    await fixture.sql("ALTER TABLE orders DROP CONSTRAINT no_neighbour");

    expect(statuses(answers)).toEqual({ 201: 2 * NEIGHBOURS, 500: 1 });
    const fault = answers[NEIGHBOURS]!;
    expect(fault).toMatchObject({ status: 500, body: { code: "INTERNAL", details: [] } });
    expect(fault.text).not.toContain("neighbour");
    expect(await rowsOf(productId)).toHaveLength(3 + 2 * NEIGHBOURS);
    expect(await rowsOf(bad)).toHaveLength(1);
  });
});

describe("a 201", () => {
  test("comes after the order and its event are committed", async () => {
    const { id: productId } = fixture.products.put();
    await fixture.placed({ productId });
    await eventually(async () => expect(await fixture.sql("SELECT 1 FROM outbox")).toEqual([]));
    let answered = false;
    let placing: Promise<Answer> | undefined;
    await fixture.sql.holding("LOCK TABLE outbox IN SHARE MODE", async () => {
      placing = fixture.place({ productId, qty: 1 }).finally(() => (answered = true));
      await waitingForLocks(1);
      expect(answered).toBe(false);
      expect(await rowsOf(productId)).toHaveLength(1);
    });
    expect((await placing)?.status).toBe(201);
    expect(await rowsOf(productId)).toHaveLength(2);
  });

  test("means that the event is in the outbox, also while the broker is away", async () => {
    const events = await fixture.broker.receive("order.created");
    const { id: productId } = fixture.products.put();
    await fixture.ways.broker.cut();
    const answers = await many(30, () => fixture.place({ productId, qty: 1 }));
    expect(statuses(answers)).toEqual({ 201: 30 });
    const rows = await fixture.sql<{ subject: string; payload: string }>(
      "SELECT subject, payload FROM outbox WHERE type = 'order.created'",
    );
    expect(rows.map(({ payload }) => JSON.parse(payload).data)).toEqual(
      expect.arrayContaining(answers.map(({ body }) => body)),
    );
    await fixture.ways.broker.restore();
    await eventually(() =>
      expect(events.map(({ data }) => data)).toEqual(
        expect.arrayContaining(answers.map(({ body }) => body)),
      ),
    );
    await eventually(async () => expect(await fixture.sql("SELECT 1 FROM outbox")).toEqual([]));
    await fixture.ready();
  });
});

describe("a database", () => {
  const works = (): Promise<void> =>
    eventually(async () => {
      const { id: productId } = fixture.products.put();
      expect((await fixture.place({ productId, qty: 1 })).status).toBe(201);
      expect((await fixture.request(`/orders/product/${productId}`)).body.items).toHaveLength(1);
    });

  test("that is gone makes every request 503 soon, and all works when it is back", async () => {
    const { id: productId } = fixture.products.put();
    const order = await fixture.placed({ productId });
    await fixture.ways.database.cut();
    const requests = [
      fixture.place({ productId, qty: 1 }),
      fixture.place({ productId, qty: 1 }, { "idempotency-key": "database-away" }),
      fixture.request(`/orders/${order.id}`),
      fixture.request(`/orders/product/${productId}?limit=50`),
    ];
    for (const { answer, ms } of await Promise.all(requests.map(timed))) {
      expectUnavailable(answer);
      expect(ms).toBeLessThan(3_000);
    }
    expect((await fixture.request("/health/ready")).status).toBe(503);
    await fixture.ways.database.restore();
    await works();
    expect(await rowsOf(productId)).toHaveLength(1);
  });

  test("that is silent makes every request 503 in a few seconds, and all works when it answers", async () => {
    const { id: productId } = fixture.products.put();
    await fixture.placed({ productId });
    fixture.ways.database.stall();
    const requests = Promise.all([
      ...Array.from({ length: 20 }, () => timed(fixture.place({ productId, qty: 1 }))),
      timed(fixture.request(`/orders/product/${productId}?limit=50`)),
    ]);
    for (const { answer, ms } of await requests) {
      expectUnavailable(answer);
      expect(ms).toBeLessThan(4_500);
    }
    fixture.ways.database.flow();
    await works();
  });

  test("with a table locked for long makes orders 503 in a few seconds, and nothing is written", async () => {
    const { id: productId } = fixture.products.put();
    await fixture.sql.holding("LOCK TABLE orders IN SHARE MODE", async () => {
      const answers: Promise<{ answer: Answer; ms: number }>[] = [];
      for (const batches of [1, 2]) {
        answers.push(timed(fixture.place({ productId, qty: 1 })));
        await waitingForLocks(batches);
      }
      // Those behind them wait for a turn that comes too late.
      const behind = many(50, () => timed(fixture.place({ productId, qty: 1 })));
      for (const { answer, ms } of [...(await Promise.all(answers)), ...(await behind)]) {
        expectUnavailable(answer);
        expect(ms).toBeLessThan(4_500);
      }
    });
    await works();
    expect(await rowsOf(productId)).toEqual([]);
  });

  test.each(["orders", "idempotency_keys"])(
    "with the whole table %s locked for long calls no key in use, and leaves connections for reads",
    async (table) => {
      const { id: productId } = fixture.products.put();
      const known = await fixture.placed({ productId });
      const keyed = (n: number): Promise<Answer> =>
        fixture.place({ productId, qty: 1 }, { "idempotency-key": `${table}-${n}` });
      // As while an index of it is made.
      await fixture.sql.holding(`LOCK TABLE ${table} IN SHARE MODE`, async () => {
        const answers: Promise<Answer>[] = [];
        for (const batches of [1, 2]) {
          answers.push(keyed(batches));
          await waitingForLocks(batches);
        }
        answers.push(...Array.from({ length: 50 }, (_, n) => keyed(10 + n)));
        const answered = new AbortController();
        const all = Promise.all(answers).finally(() => answered.abort());
        while (!answered.signal.aborted)
          expect((await fixture.request(`/orders/${known.id}`)).status).toBe(200);
        for (const answer of await all) expectUnavailable(answer);
      });
      await works();
      expect(await rowsOf(productId)).toHaveLength(1);
    },
  );

  test("that loses connections at any instant, also around COMMIT, has one order for each 201 and each key", async () => {
    const events = await fixture.broker.receive("order.created");
    const { id: productId } = fixture.products.put();
    const answers: Answer[] = [];
    const enough = new AbortController();
    const buyers = many(12, async (buyer) => {
      for (let n = 0; !enough.signal.aborted; n += 1) {
        const key = { "idempotency-key": `lost-${buyer}-${n}` };
        const hasKey = buyer % 2 === 0;
        for (;;) {
          const answer = await fixture.place({ productId, qty: 1 }, hasKey ? key : {});
          answers.push(answer);
          // Who has a key may ask until there is an answer.
          if (answer.status === 201 || !hasKey) break;
        }
      }
    });
    let lost = 0;
    while (lost < 40 || (statuses(answers)[201] ?? 0) < 200) {
      const before = answers.length;
      const ended = await fixture.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'order-service'
           AND state <> 'idle' ORDER BY random() LIMIT 2`,
      );
      lost += ended.length;
      await eventually(() => expect(answers.length).toBeGreaterThan(before));
    }
    enough.abort();
    await buyers;

    const counts = statuses(answers);
    expect(Object.keys(counts).filter((status) => !["201", "409", "503"].includes(status))).toEqual(
      [],
    );
    const committed = new Set((await rowsOf(productId)).map(({ id }) => id));
    const promised = answers.filter(({ status }) => status === 201);
    const fresh = promised.filter(({ headers }) => !headers["idempotency-replayed"]);
    expect(new Set(fresh.map(({ body }) => body.id)).size).toBe(fresh.length);
    expect(promised.filter(({ body }) => !committed.has(body.id))).toEqual([]);
    expect(committed.size).toBeLessThanOrEqual(answers.length);
    const keys = await fixture.sql<{ order_id: string }>(
      "SELECT order_id FROM idempotency_keys WHERE key LIKE 'lost-%'",
    );
    const keyed = new Set(
      promised.filter(({ body }) => keys.some(({ order_id: id }) => id === body.id)),
    );
    expect(keys.filter(({ order_id: id }) => !committed.has(id))).toEqual([]);
    expect(new Set([...keyed].map(({ body }) => body.id)).size).toBe(keys.length);
    // Every order is published, also those whose commit was not known of.
    await eventually(async () => {
      const heard = new Set(events.map(({ data }) => data.id));
      expect([...committed].filter((id) => !heard.has(id))).toEqual([]);
      expect(await fixture.sql("SELECT 1 FROM outbox")).toEqual([]);
    });
    expect(await backends("state LIKE 'idle in transaction%'")).toEqual([]);
  });
});

test.each([
  ["without a key", {}],
  ["with a key", { "idempotency-key": "commit-in-flight" }],
])(
  "answers 201 for an order whose COMMIT is in flight while it is retried, and lists it: %s",
  async (_, headers) => {
    const { id: productId } = fixture.products.put();
    const lock = 20_261_121;
    // Its COMMIT waits for as long as the test wants.
    await fixture.sql(`
      CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(${lock}); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.product_id = ${productId}) EXECUTE FUNCTION wait_at_commit()`);
    let placing: Promise<Answer> | undefined;
    await fixture.sql.holding(`SELECT pg_advisory_xact_lock(${lock})`, async () => {
      placing = fixture.place({ productId, qty: 1 }, headers);
      await waitingForLocks(1);
      // The list without it is cached.
      expect((await fixture.request(`/orders/product/${productId}`)).body.items).toEqual([]);
      expect(await fixture.cache.get(`orders:product:${productId}`)).not.toBeNull();
      await fixture.ways.database.cut();
      await fixture.ways.database.restore();
      // The second one is the same order, whose id and key the first one has.
      await waitingForLocks(2);
    });
    const answer = await placing!;
    await fixture.sql("DROP TRIGGER wait_at_commit ON orders; DROP FUNCTION wait_at_commit");
    expect(answer.status).toBe(201);
    expect((await rowsOf(productId)).map(({ id }) => id)).toEqual([answer.body.id]);
    const list = await fixture.request(`/orders/product/${productId}`);
    expect(list.body.items).toEqual([answer.body]);
  },
);

test("leaves connections for others while many keys are locked for long", async () => {
  const { id: productId } = fixture.products.put();
  const known = await fixture.placed({ productId });
  const held = `INSERT INTO idempotency_keys (caller, key, fingerprint, order_id)
    SELECT '', 'many-held-' || n, '{}', gen_random_uuid() FROM generate_series(1, 16) AS n`;
  await fixture.sql.holding(held, async () => {
    const answered = new AbortController();
    const all = many(16, (n) =>
      fixture.place({ productId, qty: 1 }, { "idempotency-key": `many-held-${n + 1}` }),
    ).finally(() => answered.abort());
    let most = 0;
    while (!answered.signal.aborted) {
      most = Math.max(most, (await backends("wait_event_type = 'Lock'")).length);
      expect((await fixture.request(`/orders/${known.id}`)).status).toBe(200);
    }
    const counts = statuses(await all);
    expect(counts[409]).toBeGreaterThan(0);
    // Who could not even be tried in time hears that.
    expect((counts[409] ?? 0) + (counts[503] ?? 0)).toBe(16);
    expect(most).toBeGreaterThan(2);
    // Four, and the next two batches.
    expect(most).toBeLessThanOrEqual(6);
  });
});

test("lets a key that is locked for long delay its own order only", async () => {
  const { id: productId } = fixture.products.put();
  const held = `INSERT INTO idempotency_keys (caller, key, fingerprint, order_id)
    VALUES ('', 'held', '{}', '019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20')`;
  await fixture.sql.holding(held, async () => {
    const contested = fixture.place({ productId, qty: 1 }, { "idempotency-key": "held" });
    const others = await many(20, (n) =>
      fixture.place({ productId, qty: 1 }, n % 2 === 0 ? {} : { "idempotency-key": `free-${n}` }),
    );
    expect(statuses(others)).toEqual({ 201: 20 });
    expect(await contested).toMatchObject({
      status: 409,
      body: { code: "IDEMPOTENCY_IN_PROGRESS" },
    });
  });
  expect(await rowsOf(productId)).toHaveLength(20);
});
