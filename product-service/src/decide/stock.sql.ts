import type { Product } from "@shop/contracts/product";
import type { Sql } from "@shop/service-kit/database/sql";
import type { Decision } from "./decisions.ts";
import { PRODUCT_COLUMNS, toProduct, type ProductRow } from "../products/product.sql.ts";

const LOCK_STOCK =
  "SELECT id, qty FROM products WHERE id = ANY($1::integer[]) ORDER BY id FOR UPDATE";

/** Locked in id order, whatever order the messages came in: two batches can't wait for each other. */
export async function lockStock(
  sql: Sql,
  productIds: readonly number[],
  skipLocked: boolean,
): Promise<Map<number, number>> {
  const rows = await sql.query<{ id: number; qty: number }>(
    skipLocked ? `${LOCK_STOCK} SKIP LOCKED` : LOCK_STOCK,
    [productIds],
  );
  return new Map(rows.map(({ id, qty }) => [id, qty]));
}

/** Those that are there, whoever holds them. */
export async function findExisting(sql: Sql, productIds: readonly number[]): Promise<number[]> {
  const rows = await sql.query<{ id: number }>(
    "SELECT id FROM products WHERE id = ANY($1::integer[])",
    [productIds],
  );
  return rows.map(({ id }) => id);
}

export interface Movement extends Pick<Decision, "orderId" | "productId" | "status" | "reason"> {
  readonly decidedAt: Date;
}

/** What was decided before; asked under the locks, so that nobody decides it meanwhile. */
export async function findMovements(sql: Sql, orderIds: readonly string[]): Promise<Movement[]> {
  return sql.query<Movement>(
    `SELECT order_id AS "orderId", product_id AS "productId", status, reason, decided_at AS "decidedAt"
     FROM stock_movements WHERE order_id = ANY($1::uuid[])`,
    [orderIds],
  );
}

/**
 * Fails as a whole when one of the orders has been decided meanwhile, by another instance. In id order: two batches with the
 * same orders then wait in one direction, and not for each other.
 */
export async function insertMovements(
  sql: Sql,
  decisions: readonly Decision[],
  decidedAt: Date,
): Promise<void> {
  await sql.query(
    `INSERT INTO stock_movements (order_id, product_id, qty, status, reason, decided_at)
     SELECT d.*, $6 FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[]) AS d
     ORDER BY 1`,
    [
      decisions.map(({ orderId }) => orderId),
      decisions.map(({ productId }) => productId),
      decisions.map(({ qty }) => qty),
      decisions.map(({ status }) => status),
      decisions.map(({ reason }) => reason),
      decidedAt,
    ],
  );
}

/** Takes what was sold off the stock; the caller holds the locks. */
export async function takeFromStock(
  sql: Sql,
  sold: ReadonlyMap<number, number>,
): Promise<Product[]> {
  const rows = await sql.query<ProductRow>(
    `UPDATE products AS p SET qty = p.qty - s.qty, version = p.version + 1,
       updated_at = greatest(p.updated_at, clock_timestamp())
     FROM unnest($1::integer[], $2::integer[]) AS s (id, qty)
     WHERE p.id = s.id
     RETURNING ${PRODUCT_COLUMNS.replaceAll(/\w+/g, "p.$&")}`,
    [[...sold.keys()], [...sold.values()]],
  );
  return rows.map(toProduct);
}
