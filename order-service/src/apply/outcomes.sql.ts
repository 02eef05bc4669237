import type { EventData } from "@shop/contracts/event";
import type { Sql } from "@shop/service-kit/database/sql";

/* SQL, because it is for batches: one UPDATE applies up to 200 outcomes; repositories would send a statement for each order. */

export type Outcome = Omit<EventData<"order.updated">, "decidedAt">;

/**
 * `pending` becomes what was decided, and nothing else ever happens; answers with the products of the changed orders. An outcome
 * that names another product than its order changes nothing. An order was dated by the clock of the instance that took it, which
 * may be ahead of PostgreSQL's.
 */
export async function applyToPending(sql: Sql, outcomes: readonly Outcome[]): Promise<number[]> {
  const rows = await sql.query<{ product_id: number }>(
    `UPDATE orders AS o SET status = d.status, reason = d.reason,
       updated_at = greatest(o.updated_at, clock_timestamp())
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[]) AS d (id, status, reason, product_id)
     WHERE o.id = d.id AND o.product_id = d.product_id AND o.status = 'pending' RETURNING o.product_id`,
    [
      outcomes.map(({ orderId }) => orderId),
      outcomes.map(({ status }) => status),
      outcomes.map(({ reason }) => reason),
      outcomes.map(({ productId }) => productId),
    ],
  );
  return rows.map(({ product_id }) => product_id);
}

/** Locks those of these orders that are pending and free, and answers with those that another transaction has locked. */
export async function lockFreePending(sql: Sql, orderIds: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `WITH free AS (
       SELECT id FROM orders WHERE id = ANY($1::uuid[]) AND status = 'pending' ORDER BY id
       FOR UPDATE SKIP LOCKED)
     SELECT id FROM orders WHERE id = ANY($1::uuid[]) AND status = 'pending'
       AND id NOT IN (SELECT id FROM free)`,
    [orderIds],
  );
  return rows.map(({ id }) => id);
}

/** The orders of those outcomes that name another product than their order, once for each such outcome. */
export async function findMismatched(sql: Sql, outcomes: readonly Outcome[]): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT o.id FROM orders AS o JOIN unnest($1::uuid[], $2::integer[]) AS d (id, product_id)
       ON o.id = d.id WHERE o.product_id <> d.product_id`,
    [outcomes.map(({ orderId }) => orderId), outcomes.map(({ productId }) => productId)],
  );
  return rows.map(({ id }) => id);
}
