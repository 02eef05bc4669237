import type { Product } from "@shop/contracts/product";
import type { EntityManager } from "typeorm";
import type { Decision } from "./decide-orders.ts";
import { PRODUCT_COLUMNS, toProduct, type ProductRow } from "./product.sql.ts";

/** Locked in id order, whatever order the messages came in: two batches can't wait for each other. */
export async function lockStock(
  manager: EntityManager,
  productIds: readonly number[],
): Promise<Map<number, number>> {
  const rows = await manager.query<{ id: number; qty: number }[]>(
    "SELECT id, qty FROM products WHERE id = ANY($1::integer[]) ORDER BY id FOR UPDATE",
    [productIds],
  );
  return new Map(rows.map(({ id, qty }) => [id, qty]));
}

export interface Movement extends Pick<Decision, "orderId" | "productId" | "status" | "reason"> {
  readonly decidedAt: Date;
}

const MOVEMENT_COLUMNS = `order_id AS "orderId", product_id AS "productId", status, reason, decided_at AS "decidedAt"`;

export async function findMovements(
  manager: EntityManager,
  orderIds: readonly string[],
): Promise<Movement[]> {
  return manager.query<Movement[]>(
    `SELECT ${MOVEMENT_COLUMNS} FROM stock_movements WHERE order_id = ANY($1::uuid[])`,
    [orderIds],
  );
}

/** Gives back the rows that are new; an order that another transaction has decided meanwhile is not among them. */
export async function insertMovements(
  manager: EntityManager,
  decisions: readonly Decision[],
): Promise<Movement[]> {
  return manager.query<Movement[]>(
    `INSERT INTO stock_movements (order_id, product_id, qty, status, reason)
     SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[])
     ON CONFLICT (order_id) DO NOTHING RETURNING ${MOVEMENT_COLUMNS}`,
    [
      decisions.map(({ orderId }) => orderId),
      decisions.map(({ productId }) => productId),
      decisions.map(({ qty }) => qty),
      decisions.map(({ status }) => status),
      decisions.map(({ reason }) => reason),
    ],
  );
}

/** Takes what was sold off the stock; the caller holds the locks. */
export async function takeFromStock(
  manager: EntityManager,
  sold: ReadonlyMap<number, number>,
): Promise<Product[]> {
  const [rows] = await manager.query<[ProductRow[], number]>(
    `UPDATE products AS p SET qty = p.qty - s.qty, version = p.version + 1, updated_at = now()
     FROM unnest($1::integer[], $2::integer[]) AS s (id, qty)
     WHERE p.id = s.id
     RETURNING ${PRODUCT_COLUMNS.replaceAll(/\w+/g, "p.$&")}`,
    [[...sold.keys()], [...sold.values()]],
  );
  return rows.map(toProduct);
}
