import { eventually } from "@shop/test-support/eventually";
import { createDatabase } from "@shop/test-support/servers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Database } from "../database/database.ts";
import { createTestDatabase } from "../kit.fixture.ts";
import {
  countWaiting,
  deletePublished,
  insertLeased,
  leaseFor,
  leaseOverdue,
  type OutboxRow,
} from "./outbox.sql.ts";

const HOUR_MS = 3_600_000;
let database: Database;

beforeAll(async () => {
  database = createTestDatabase(await createDatabase());
  await database.start();
  await eventually(() => expect(database.connected).toBe(true));
});
afterAll(() => database.stop());
beforeEach(() => database.sql.query("TRUNCATE outbox"));

/** Rows whose lease ended so long ago, or ends only then. */
async function insert(count: number, leaseMs: number): Promise<OutboxRow[]> {
  const rows = Array.from({ length: count }, (): OutboxRow => {
    const id = crypto.randomUUID();
    return {
      id,
      type: "order.created",
      subject: `s-${id}`,
      requestId: "r-1",
      payload: `{"a":"ü"}`,
    };
  });
  await insertLeased(database.sql, rows, leaseMs);
  return rows;
}

const lease = (most: number, leaseMs = HOUR_MS, sql = database.sql) =>
  leaseOverdue(sql, { leaseMs, most });

test("when a lease is over, then the row can be taken as it was written, and is leased again", async () => {
  const [row] = await insert(1, -1);
  expect(await lease(10)).toEqual([row]);
  expect(await lease(10)).toEqual([]);
});

test("when a lease runs, then nobody else takes the row", async () => {
  await insert(1, HOUR_MS);
  expect(await lease(10)).toEqual([]);
});

test("when there is much, then those that have waited longest are taken first", async () => {
  const late = await insert(2, -10);
  const early = await insert(2, -10_000);
  const ids = (rows: readonly OutboxRow[]) => new Set(rows.map(({ id }) => id));
  expect(ids(await lease(2))).toEqual(ids(early));
  expect(ids(await lease(2))).toEqual(ids(late));
});

test("when another relay is just taking rows, then the next one gets others, and does not wait", async () => {
  const all = await insert(20, -1);
  const [first, second] = await database.transaction(async (open) => [
    await lease(12, HOUR_MS, open.sql),
    await lease(12),
  ]);
  expect(first).toHaveLength(12);
  expect(second).toHaveLength(8);
  expect(new Set([...first, ...second].map(({ id }) => id)).size).toBe(all.length);
});

test("when nobody could take a row, then it rests before the next try", async () => {
  const [resting, other] = await insert(2, -1);
  await leaseFor(database.sql, [resting!.id], HOUR_MS);
  expect(await lease(10)).toEqual([other]);
  await leaseFor(database.sql, [resting!.id], -1);
  expect(await lease(10)).toEqual([resting]);
});

test("when rows are leased anew, then nobody takes them, and a row that is just being taken is not waited for", async () => {
  const rows = await insert(3, -1);
  const ids = rows.map(({ id }) => id);
  const taken = await database.transaction(async (open) => {
    const inHand = await lease(1, -1, open.sql);
    await leaseFor(database.sql, ids, HOUR_MS);
    return inHand;
  });
  expect(taken).toHaveLength(1);
  expect(await lease(10)).toEqual(taken);
});

test("when rows are published, then they are gone, and the others are there", async () => {
  const rows = await insert(5, -1);
  await deletePublished(
    database.sql,
    rows.slice(1).map(({ id }) => id),
  );
  expect(await lease(10)).toEqual([rows[0]]);
  expect(await countWaiting(database.sql, 10)).toBe(1);
});

test("when rows are counted, then only so far as is asked for", async () => {
  expect(await countWaiting(database.sql, 10)).toBe(0);
  await insert(30, HOUR_MS);
  expect(await countWaiting(database.sql, 100)).toBe(30);
  expect(await countWaiting(database.sql, 10)).toBe(10);
});
