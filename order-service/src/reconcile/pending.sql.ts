import { selectedColumns } from "@shop/service-kit/database/columns";
import type { Sql } from "@shop/service-kit/database/sql";
import { OrderEntity, type OrderRow } from "../orders/order.entity.ts";

/** Counted up to `most`: in an outage every order is pending. */
export async function countPendingFor(
  sql: Sql,
  { longerThanMs, most }: { longerThanMs: number; most: number },
): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM orders WHERE status = 'pending'
       AND created_at < now() - $1 * interval '1 millisecond' LIMIT $2) AS pending`,
    [longerThanMs, most],
  );
  return row?.count ?? 0;
}

const TAKE_OVERDUE = `UPDATE orders AS o SET times_told_again = least(o.times_told_again + 1, 1000),
     next_tell_at = now() + $1 * 2 ^ least(o.times_told_again + 1, 6) * interval '1 millisecond'
   WHERE o.status = 'pending' AND o.id = ANY(ARRAY(
     SELECT id FROM orders AS overdue
     WHERE status = 'pending' AND next_tell_at <= now()
       AND NOT EXISTS (SELECT 1 FROM outbox WHERE subject = overdue.id::text)
     ORDER BY next_tell_at LIMIT $2 FOR UPDATE SKIP LOCKED))
   RETURNING ${selectedColumns(OrderEntity, "o")}`;

/**
 * Takes pending orders whose time has come and that have no event in the outbox. Each try doubles the order's wait, up to 64 times
 * the first. Several reconcilers can run: a row is locked by one of them, and its time is moved in the same statement. The ARRAY is
 * read once; an IN could be joined, and read again for each row, each time with the next `most` rows.
 */
export const takeOverduePending = (
  sql: Sql,
  { firstWaitMs, most }: { firstWaitMs: number; most: number },
): Promise<OrderRow[]> => sql.query(TAKE_OVERDUE, [firstWaitMs, most]);
