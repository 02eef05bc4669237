import { insertedColumns } from "@shop/service-kit/database/columns";
import type { Sql } from "@shop/service-kit/database/sql";
import { OrderEntity, type OrderRow } from "../orders/order.entity.ts";
import { IdempotencyKeyEntity } from "./idempotency-key.entity.ts";

/*
 * SQL, because it is for batches: one statement for up to 200 orders. TypeORM's insert of 1,000 rows takes 29 ms, arrays in one
 * statement 7 ms.
 */

const ORDERS = insertedColumns<OrderRow>(OrderEntity);
/** What is the same for all, or follows from the other columns, is not sent for each order: 13 µs of PostgreSQL's CPU less for each. */
const INSERT_ORDERS = `INSERT INTO orders (${ORDERS.names}, total_price_cents, status, updated_at, next_tell_at)
   SELECT o.*, o.unit_price_cents * o.qty, 'pending', o.created_at, now() + $${ORDERS.nextParameter} * interval '1 millisecond'
   FROM ${ORDERS.rows} AS o (${ORDERS.names})`;

export async function insertOrders(
  sql: Sql,
  orders: readonly OrderRow[],
  republishAfterMs: number,
): Promise<void> {
  await sql.query(INSERT_ORDERS, [...ORDERS.parameters(orders), republishAfterMs]);
}

/** Which of these are in the table. */
export async function findExisting(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>("SELECT id FROM orders WHERE id = ANY($1::uuid[])", [
    ids,
  ]);
  return new Set(rows.map(({ id }) => id));
}

type KeyRow = Omit<IdempotencyKeyEntity, "createdAt">;

const KEYS = insertedColumns<KeyRow>(IdempotencyKeyEntity);
const CLAIM_KEYS = `INSERT INTO idempotency_keys (${KEYS.names})
   SELECT * FROM ${KEYS.rows} ON CONFLICT DO NOTHING RETURNING order_id`;

/**
 * Claims the keys for their orders, and answers with the ids of the orders whose key is taken. It waits for a key that another
 * transaction has locked: afterwards the key is either taken or free again.
 */
export async function claimKeys(sql: Sql, keys: readonly KeyRow[]): Promise<Set<string>> {
  // In one order everywhere, so that two batches cannot wait for each other's keys.
  const sorted = keys.toSorted((a, b) => compare(a.caller, b.caller) || compare(a.key, b.key));
  const rows = await sql.query<{ order_id: string }>(CLAIM_KEYS, KEYS.parameters(sorted));
  // Most keys are new.
  if (rows.length === keys.length) return new Set();
  const claimed = new Set(rows.map(({ order_id }) => order_id));
  return new Set(keys.map(({ orderId }) => orderId).filter((id) => !claimed.has(id)));
}

const compare = (a: string, b: string): number => {
  if (a === b) return 0;
  return a < b ? -1 : 1;
};

/** Removes keys that are older than promised; at most so many, which TypeORM's delete cannot say. */
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
