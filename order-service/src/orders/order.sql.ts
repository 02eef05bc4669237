import { fromCents } from "@shop/contracts/money";
import type { Order, OrderStatus, RejectionReason } from "@shop/contracts/order";
import type { Sql } from "@shop/service-kit/database/sql";
import type { NewOrder } from "../place/new-order.ts";

export const ORDER_COLUMNS = `id, product_id, qty, unit_price_cents, total_price_cents, status, reason, request_id,
  created_at, updated_at`;

export interface OrderRow {
  readonly id: string;
  readonly product_id: number;
  readonly qty: number;
  readonly unit_price_cents: string;
  readonly total_price_cents: string;
  readonly status: OrderStatus;
  readonly reason: RejectionReason | null;
  readonly request_id: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export const toOrder = (row: OrderRow): Order => ({
  id: row.id,
  productId: row.product_id,
  qty: row.qty,
  unitPrice: fromCents(Number(row.unit_price_cents)),
  totalPrice: fromCents(Number(row.total_price_cents)),
  status: row.status,
  reason: row.reason,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

export async function insertOrders(
  sql: Sql,
  orders: readonly NewOrder[],
  tellAgainMs: number,
): Promise<void> {
  await sql.query(
    `INSERT INTO orders (id, product_id, qty, unit_price_cents, total_price_cents, status, request_id,
       subject, created_at, updated_at, next_tell_at)
     SELECT o.id, o.product_id, o.qty, o.cents, o.cents * o.qty, 'pending', o.request_id,
       o.subject, o.at, o.at, now() + $8 * interval '1 millisecond'
     FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::bigint[], $5::text[], $6::text[],
       $7::timestamptz[]) AS o (id, product_id, qty, cents, request_id, subject, at)`,
    [
      orders.map(({ order }) => order.id),
      orders.map(({ order }) => order.productId),
      orders.map(({ order }) => order.qty),
      orders.map(({ unitPriceCents }) => unitPriceCents),
      orders.map(({ requestId }) => requestId),
      orders.map(({ subject }) => subject),
      orders.map(({ order }) => order.createdAt),
      tellAgainMs,
    ],
  );
}

/** Which of these are in the table. */
export async function findExisting(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>("SELECT id FROM orders WHERE id = ANY($1::uuid[])", [
    ids,
  ]);
  return new Set(rows.map(({ id }) => id));
}

/** Anybody's order with this id, or this subject's only. */
export async function findOrder(
  sql: Sql,
  id: string,
  subject: string | null,
): Promise<Order | undefined> {
  const [row] = await sql.query<OrderRow>(
    `SELECT ${ORDER_COLUMNS} FROM orders WHERE id = $1 AND ($2::text IS NULL OR subject = $2)`,
    [id, subject],
  );
  return row && toOrder(row);
}

export interface ListRange {
  readonly productId: number;
  readonly before: string | null;
  readonly most: number;
}

/** Above every id: a page without a cursor begins below it. */
const TOP = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * A list of one, and its column in the order: like this only the index that begins with that column has the rows in order. With a
 * plain `=` the planner may walk the primary key backwards instead, past everybody else's orders, for as long as it takes to find
 * this product's.
 */
export const LIST_ORDERS = `SELECT ${ORDER_COLUMNS} FROM orders
   WHERE product_id = ANY($1::integer[]) AND id < $2 ORDER BY product_id, id DESC LIMIT $3`;

/** The same, of one subject: a statement of its own, with an index of its own. */
export const LIST_ORDERS_OF = `SELECT ${ORDER_COLUMNS} FROM orders
   WHERE subject = ANY($1::text[]) AND product_id = $2 AND id < $3
   ORDER BY subject, id DESC LIMIT $4`;

/** Newest first, from below `before`: ids are UUIDv7, so their order is the order of time. */
export async function listOrders(
  sql: Sql,
  { productId, before, most }: ListRange,
): Promise<Order[]> {
  const rows = await sql.query<OrderRow>(LIST_ORDERS, [[productId], before ?? TOP, most]);
  return rows.map(toOrder);
}

export async function listOrdersOf(
  sql: Sql,
  subject: string,
  { productId, before, most }: ListRange,
): Promise<Order[]> {
  const values = [[subject], productId, before ?? TOP, most];
  const rows = await sql.query<OrderRow>(LIST_ORDERS_OF, values);
  return rows.map(toOrder);
}

export interface Outcome {
  readonly orderId: string;
  readonly productId: number;
  readonly status: "done" | "rejected";
  readonly reason: RejectionReason | null;
}

/**
 * `pending` becomes what was decided, and nothing else ever happens; gives back the products of the changed orders. An outcome
 * that names another product than its order is none. An order was dated by the clock of the instance that took it, which may be
 * ahead of PostgreSQL's.
 */
export async function settlePending(sql: Sql, outcomes: readonly Outcome[]): Promise<number[]> {
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

/** Those of these orders that are of another product than their outcome says, once for each such outcome. */
export async function findOfOtherProducts(
  sql: Sql,
  outcomes: readonly Outcome[],
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `SELECT o.id FROM orders AS o JOIN unnest($1::uuid[], $2::integer[]) AS d (id, product_id)
       ON o.id = d.id WHERE o.product_id <> d.product_id`,
    [outcomes.map(({ orderId }) => orderId), outcomes.map(({ productId }) => productId)],
  );
  return rows.map(({ id }) => id);
}

/** Those of these orders that are pending and that somebody else holds; the others are held by us until the end. */
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

/** Counted up to `most`: in an outage that is all that were placed. */
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

export interface Sweep {
  readonly firstWaitMs: number;
  readonly most: number;
}

/**
 * Takes pending orders whose time has come and that nobody is about to tell anyway. Each try doubles the order's wait, up to
 * 64 times the first. Several sweepers can run: a row is locked by one of them, and its time is moved in the same statement.
 * The ARRAY is looked up once; an IN could be joined, and looked up again for each row, each time with the next `most` rows.
 */
export async function takeOverduePending(
  sql: Sql,
  { firstWaitMs, most }: Sweep,
): Promise<OrderRow[]> {
  return sql.query<OrderRow>(
    `UPDATE orders SET times_told_again = least(times_told_again + 1, 1000),
       next_tell_at = now() + $1 * 2 ^ least(times_told_again + 1, 6) * interval '1 millisecond'
     WHERE status = 'pending' AND id = ANY(ARRAY(
       SELECT id FROM orders AS o
       WHERE status = 'pending' AND next_tell_at <= now()
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE subject = o.id::text)
       ORDER BY next_tell_at LIMIT $2 FOR UPDATE SKIP LOCKED))
     RETURNING ${ORDER_COLUMNS}`,
    [firstWaitMs, most],
  );
}
