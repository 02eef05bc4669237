import { EVENTS } from "@shop/contracts/event";
import { eventually } from "@shop/test-support/eventually";
import { createDatabase } from "@shop/test-support/servers";
import { connectSql, type Sql } from "@shop/test-support/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import type { Database } from "../database/database.ts";
import { createTestDatabase, someOrder, someProduct } from "../kit.fixture.ts";
import { withRequestId } from "../log/request-id.ts";
import { countWaiting, leaseOverdue, type OutboxRow } from "./outbox.sql.ts";
import { UnitOfWork, type Transaction } from "./unit-of-work.ts";

let sql: Sql;
let database: Database;
let work: UnitOfWork;
let offered: OutboxRow[];

beforeAll(async () => {
  const url = await createDatabase();
  sql = connectSql(url);
  database = createTestDatabase(url);
  await database.start();
  await eventually(() => expect(database.connected).toBe(true));
  work = new UnitOfWork(database, { offer: (rows) => void offered.push(...rows) });
});
afterAll(() => Promise.all([database.stop(), sql.end()]));
beforeEach(async () => {
  offered = [];
  await sql("TRUNCATE outbox, facts");
});

const rows = () =>
  sql<OutboxRow>('SELECT id, type, subject, request_id AS "requestId", payload FROM outbox');

const byId = (a: OutboxRow, b: OutboxRow) => (a.id < b.id ? -1 : 1);

type Both = Pick<Transaction, "sql" | "emit">;

describe.each([
  {
    how: "TypeORM's transaction",
    commit: <R>(one: (open: Both) => Promise<R>) => work.transact(one),
  },
  {
    how: "a batch's transaction",
    commit: <R>(one: (open: Both) => Promise<R>) => work.transactBatch(one),
  },
])("$how", ({ commit }) => {
  test("commits an event with its fact, leased, and hands it to the relay afterwards", async () => {
    const order = someOrder();
    const result = await commit(async ({ sql: own, emit }) => {
      await own.query("INSERT INTO facts VALUES (1)");
      emit("order.created", { subject: order.id, requestId: "r-1", data: order });
      expect(offered).toEqual([]);
      return "answer";
    });
    expect(result).toBe("answer");
    const [row] = await rows();
    expect(offered).toEqual([row]);
    expect(row).toMatchObject({ type: "order.created", subject: order.id, requestId: "r-1" });
    const event = EVENTS["order.created"].parse(JSON.parse(row!.payload));
    expect(event).toMatchObject({ id: row!.id, version: 1, requestId: "r-1", data: order });
    expect(event.id[14]).toBe("7");
    expect(await sql("SELECT id FROM facts")).toEqual([{ id: 1 }]);

    // Leased to its writer: nobody else takes it for now.
    expect(await leaseOverdue(database.sql, { leaseMs: 1, most: 10 })).toEqual([]);
    expect(await countWaiting(database.sql, 10)).toBe(1);
  });

  test("stores events with line breaks, quotes and backslashes as they are", async () => {
    const names = ["a\nb", 'c"d', "e\\nf", "\r\n", "\u2028", "😀"];
    await commit(async ({ emit }) => {
      for (const name of names) {
        emit("product.created", { subject: 26, data: { ...someProduct(), name } });
      }
    });
    const stored = await rows();
    expect(stored.toSorted(byId)).toEqual(offered.toSorted(byId));
    expect(stored.map(({ payload }) => JSON.parse(payload).data.name)).toEqual(
      expect.arrayContaining(names),
    );
    expect(stored).toHaveLength(names.length);
  });

  test("leaves neither fact nor event when the work fails after it emitted", async () => {
    const failing = commit(async ({ sql: own, emit }) => {
      await own.query("INSERT INTO facts VALUES (1)");
      emit("product.created", { subject: 26, data: someProduct() });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await rows()).toEqual([]);
    expect(await sql("SELECT * FROM facts")).toEqual([]);
    expect(offered).toEqual([]);
  });

  test("hands nothing to the relay when the commit fails", async () => {
    await sql("CREATE TABLE IF NOT EXISTS late (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    const failing = commit(async ({ sql: own, emit }) => {
      await own.query("INSERT INTO late VALUES (1), (1)");
      emit("product.created", { subject: 26, data: someProduct() });
    });
    await expect(failing).rejects.toMatchObject({ code: "23505" });
    expect(await rows()).toEqual([]);
    expect(offered).toEqual([]);
  });

  test("gives an event the request id of its work, or a new one", async () => {
    const emitOne = () =>
      commit(async ({ emit }) => {
        emit("product.deleted", { subject: 26, data: { id: 26, version: 2 } });
      });
    await withRequestId("surrounding", emitOne);
    await emitOne();
    expect(offered[0]?.requestId).toBe("surrounding");
    expect(offered[1]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(offered[1]!.payload)).toMatchObject({ requestId: offered[1]?.requestId });
  });

  test("stores several events in their order, at one time", async () => {
    await commit(async ({ emit }) => {
      for (let id = 1; id <= 300; id += 1) {
        emit("product.updated", {
          subject: id,
          data: someProduct({ id, name: `🖥 "${id}"\u2028` }),
        });
      }
    });
    expect(offered.map(({ subject }) => subject)).toEqual(
      Array.from({ length: 300 }, (_, i) => String(i + 1)),
    );
    expect(await countWaiting(database.sql, 1_000)).toBe(300);
    const times = offered.map(({ payload }) => JSON.parse(payload).occurredAt as string);
    expect(new Set(times).size).toBe(1);
    expect(await countWaiting(database.sql, 100)).toBe(100);
  });

  test("does not touch the outbox when nothing is emitted", async () => {
    await commit(({ sql: own }) => own.query("INSERT INTO facts VALUES (1)"));
    expect(await rows()).toEqual([]);
    expect(offered).toEqual([]);
  });
});

test("does not compile an event of one type with another's data", () => {
  const misuses = ({ emit }: Transaction): void => {
    // @ts-expect-error: a product is not an order
    emit("order.created", { subject: 1, data: someProduct() });
    // @ts-expect-error: there is no such type
    emit("order.eaten", { subject: 1, data: someOrder() });
    // @ts-expect-error: a rejection is told by `order.updated`
    emit("product.deleted", { subject: 1, data: { id: 1, version: 1, status: "rejected" } });
  };
  expectTypeOf(misuses).returns.toBeVoid();
});
