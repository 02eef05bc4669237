import type { Order } from "@shop/contracts/order";
import type { Sql } from "@shop/service-kit/database/sql";
import type { IdempotencyClaim, NewOrder } from "./new-order.ts";
import { ORDER_COLUMNS, toOrder, type OrderRow } from "../orders/order.sql.ts";

export interface Claimed extends NewOrder {
  readonly claim: IdempotencyClaim;
}

/**
 * Claims the keys for these orders, and gives back the ids of those whose key is taken. This waits for a key that another
 * transaction has locked: afterwards it is either taken or free again.
 */
export async function claimKeys(sql: Sql, orders: readonly Claimed[]): Promise<Set<string>> {
  // In one order everywhere, so that two batches can't wait for each other's keys.
  const sorted = orders.toSorted((a, b) => compare(a.claim, b.claim));
  const rows = await sql.query<{ order_id: string }>(
    `INSERT INTO idempotency_keys (caller, key, fingerprint, order_id)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
     ON CONFLICT DO NOTHING RETURNING order_id`,
    [
      sorted.map(({ claim }) => claim.caller),
      sorted.map(({ claim }) => claim.key),
      sorted.map(({ claim }) => claim.fingerprint),
      sorted.map(({ order }) => order.id),
    ],
  );
  // Most keys are new.
  if (rows.length === orders.length) return new Set();
  const ours = new Set(rows.map(({ order_id }) => order_id));
  return new Set(orders.map(({ order }) => order.id).filter((id) => !ours.has(id)));
}

const compare = (a: IdempotencyClaim, b: IdempotencyClaim): number => {
  if (a.caller !== b.caller) return a.caller < b.caller ? -1 : 1;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
};

/** The order that a key stands for, as it was first answered, and what was asked for then. */
export async function findFirstAnswer(
  sql: Sql,
  { caller, key }: IdempotencyClaim,
): Promise<{ fingerprint: string; order: Order } | undefined> {
  const [row] = await sql.query<OrderRow & { fingerprint: string }>(
    `SELECT k.fingerprint, o.* FROM idempotency_keys AS k
     JOIN (SELECT ${ORDER_COLUMNS} FROM orders) AS o ON o.id = k.order_id
     WHERE k.caller = $1 AND k.key = $2`,
    [caller, key],
  );
  if (!row) return undefined;
  const now = toOrder(row);
  const order: Order = { ...now, status: "pending", reason: null, updatedAt: now.createdAt };
  return { fingerprint: row.fingerprint, order };
}

/** Removes keys that are older than promised, some at a time; gives back how many. */
export async function deleteOldKeys(
  sql: Sql,
  { keepMs, most }: { keepMs: number; most: number },
): Promise<number> {
  const rows = await sql.query(
    `DELETE FROM idempotency_keys WHERE (caller, key) IN (
       SELECT caller, key FROM idempotency_keys
       WHERE created_at < now() - $1 * interval '1 millisecond' LIMIT $2)
     RETURNING 1`,
    [keepMs, most],
  );
  return rows.length;
}
