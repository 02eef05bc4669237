import type { Sql } from "../database/sql.ts";
import type { QueryRunner } from "typeorm";

/** An event on its way to the broker: `payload` is the very text that is published, JSON on one line. */
export interface OutboxRow {
  readonly id: string;
  readonly type: string;
  /** What the event is about (an order's id, a product's id), so that one can ask whether it is still to be published. */
  readonly subject: string;
  readonly requestId: string;
  readonly payload: string;
}

/**
 * Inserts rows that are leased to their writer, which publishes them from memory right after the commit. The payloads come as lines
 * of one text: in an array each of their quotes would have to be escaped.
 */
export async function insertLeased(
  sql: Sql,
  rows: readonly OutboxRow[],
  leaseMs: number,
): Promise<void> {
  await sql.query(
    `INSERT INTO outbox (id, type, subject, request_id, payload, leased_until)
     SELECT r.*, now() + $6 * interval '1 millisecond'
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], string_to_array($5, E'\\n')) AS r`,
    [
      rows.map(({ id }) => id),
      rows.map(({ type }) => type),
      rows.map(({ subject }) => subject),
      rows.map(({ requestId }) => requestId),
      rows.map(({ payload }) => payload).join("\n"),
      leaseMs,
    ],
  );
}

/**
 * Takes rows whose writer has not published them in time; no two relays get the same. The ARRAY is looked up once; an IN could
 * be joined, and looked up again for each row, each time with the next `most` rows.
 */
export async function leaseOverdue(
  sql: Sql,
  { leaseMs, most }: { leaseMs: number; most: number },
): Promise<OutboxRow[]> {
  return sql.query<OutboxRow>(
    `UPDATE outbox SET leased_until = now() + $1 * interval '1 millisecond'
     WHERE id = ANY(ARRAY(
       SELECT id FROM outbox WHERE leased_until < now()
       ORDER BY leased_until LIMIT $2 FOR UPDATE SKIP LOCKED))
     RETURNING id, type, subject, request_id AS "requestId", payload`,
    [leaseMs, most],
  );
}

/** The mark "published" is the row's absence, so the table stays as small as what is still to be published. */
export async function deletePublished(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.query("DELETE FROM outbox WHERE id = ANY($1::uuid[])", [ids]);
}

/** Keeps rows from every relay for so long. It waits for no lock, so it cannot deadlock: a locked row is just being deleted, taken or leased. */
export async function leaseFor(sql: Sql, ids: readonly string[], ms: number): Promise<void> {
  await sql.query(
    `UPDATE outbox SET leased_until = now() + $2 * interval '1 millisecond'
     WHERE id = ANY(ARRAY(SELECT id FROM outbox WHERE id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED))`,
    [ids, ms],
  );
}

/** Since when the oldest event waits: its id is a UUIDv7. Nothing when none does. */
export async function findOldestWaiting(sql: Sql): Promise<Date | undefined> {
  const [row] = await sql.query<{ id: string }>("SELECT id FROM outbox ORDER BY id LIMIT 1");
  return row && uuidTime(row.id);
}

/** How many wait, counted up to `most`: a long outbox must not make its own metric slow. */
export async function countWaiting(sql: Sql, most: number): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM (SELECT 1 FROM outbox LIMIT $1) AS waiting",
    [most],
  );
  return row?.count ?? 0;
}

/** When a UUIDv7 was made: its first 48 bits are milliseconds. */
export const uuidTime = (id: string): Date =>
  new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));

/**
 * For a migration. Rows live for milliseconds: written with the fact, deleted when the broker has confirmed them. So the table is vacuumed
 * by count, not by share, or dead rows would pile up in front of the poller.
 */
export async function createOutboxTable(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE outbox (
      id uuid PRIMARY KEY,
      type text NOT NULL,
      subject text NOT NULL,
      request_id text NOT NULL,
      payload text NOT NULL,
      leased_until timestamptz NOT NULL
    ) WITH (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
    )`);
  await runner.query("CREATE INDEX outbox_leased_until ON outbox (leased_until)");
}
