import type { Client } from "pg";

export interface StuckOrder {
  readonly id: string;
  readonly productId: number;
  readonly requestId: string;
  readonly ageS: number;
  readonly nextRepublishAt: Date;
  readonly timesRepublished: number;
}

/** The oldest first: ids are UUIDv7. Reads pending orders alone, by their partial index. */
export async function findPending(
  client: Client,
  { olderThanS, most }: { olderThanS: number; most: number },
): Promise<StuckOrder[]> {
  const { rows } = await client.query<StuckOrder>(
    `SELECT id, product_id AS "productId", request_id AS "requestId",
       extract(epoch FROM now() - created_at)::float8 AS "ageS",
       next_tell_at AS "nextRepublishAt", times_told_again AS "timesRepublished"
     FROM orders WHERE status = 'pending' AND created_at <= now() - $1 * interval '1 second'
     ORDER BY id LIMIT $2`,
    [olderThanS, most],
  );
  return rows;
}

/** Counted up to `most`. */
export async function countPending(
  client: Client,
  { olderThanS, most }: { olderThanS: number; most: number },
): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM orders WHERE status = 'pending'
       AND created_at <= now() - $1 * interval '1 second' LIMIT $2) AS pending`,
    [olderThanS, most],
  );
  return rows[0]?.count ?? 0;
}

/** Events about these orders that no broker has confirmed yet, by order: the oldest one's id. */
export async function findUnpublished(
  client: Client,
  { type, orderIds }: { type: string; orderIds: readonly string[] },
): Promise<Map<string, string>> {
  const { rows } = await client.query<{ subject: string; id: string }>(
    `SELECT DISTINCT ON (subject) subject, id FROM outbox
     WHERE type = $1 AND subject = ANY($2::text[]) ORDER BY subject, id`,
    [type, orderIds],
  );
  return new Map(rows.map(({ subject, id }) => [subject, id]));
}

export interface Decision {
  readonly orderId: string;
  readonly status: string;
  readonly decidedAt: Date;
}

export async function findDecisions(
  client: Client,
  orderIds: readonly string[],
): Promise<Map<string, Decision>> {
  const { rows } = await client.query<Decision>(
    `SELECT order_id AS "orderId", status, decided_at AS "decidedAt"
     FROM stock_movements WHERE order_id = ANY($1::uuid[])`,
    [orderIds],
  );
  return new Map(rows.map((row) => [row.orderId, row]));
}

/** The transaction that has locked a table or some of its rows. */
export interface LockHolder {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly openS: number;
}

/** The oldest transaction that has locked rows of this table, or all of it, for longer than a service waits. */
export async function findLockHolder(
  client: Client,
  { table, lockedForS }: { table: string; lockedForS: number },
): Promise<LockHolder | undefined> {
  const { rows } = await client.query<LockHolder>(
    `SELECT a.pid, a.application_name AS name, a.state,
       extract(epoch FROM now() - a.xact_start)::float8 AS "openS"
     FROM pg_stat_activity AS a JOIN pg_locks AS l ON l.pid = a.pid
     WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.relation = to_regclass($1) AND l.granted
       AND l.mode NOT IN ('AccessShareLock', 'ShareUpdateExclusiveLock')
       AND a.xact_start <= now() - $2 * interval '1 second'
     ORDER BY a.xact_start LIMIT 1`,
    [table, lockedForS],
  );
  return rows[0];
}
