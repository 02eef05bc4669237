import { fromCents, toCents } from "@shop/contracts/money";
import type { CreateProductBody, Product, ReplaceProductBody } from "@shop/contracts/product";
import type { Sql } from "@shop/service-kit/database/sql";

export const PRODUCT_COLUMNS = "id, name, price_cents, qty, version, created_at, updated_at";

export interface ProductRow {
  readonly id: number;
  readonly name: string;
  readonly price_cents: string;
  readonly qty: number;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export const toProduct = (row: ProductRow): Product => ({
  id: row.id,
  name: row.name,
  price: fromCents(Number(row.price_cents)),
  qty: row.qty,
  version: row.version,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

export async function insertProduct(
  sql: Sql,
  { name, price, qty }: CreateProductBody,
): Promise<Product> {
  const [row] = await sql.query<ProductRow>(
    `INSERT INTO products (name, price_cents, qty, initial_qty) VALUES ($1, $2, $3, $3)
     RETURNING ${PRODUCT_COLUMNS}`,
    [name, toCents(price), qty],
  );
  return toProduct(row!);
}

export async function findProduct(sql: Sql, id: number): Promise<Product | undefined> {
  const [row] = await sql.query<ProductRow>(
    `SELECT ${PRODUCT_COLUMNS} FROM products WHERE id = $1`,
    [id],
  );
  return row && toProduct(row);
}

/** A page without a cursor begins below it: one statement, which finds a later page's place as fast as the first one's. */
const ABOVE_ALL = 2 ** 31;

/** Newest first, from below `before`; ids grow, so a page never repeats or skips what was there. */
export async function listProducts(
  sql: Sql,
  { before, most }: { before: number | null; most: number },
): Promise<Product[]> {
  const rows = await sql.query<ProductRow>(
    `SELECT ${PRODUCT_COLUMNS} FROM products WHERE id < $1::bigint ORDER BY id DESC LIMIT $2`,
    [before ?? ABOVE_ALL, most],
  );
  return rows.map(toProduct);
}

/** Holds the row until the transaction ends, so that a change of stock and a sale can't miss each other. */
export async function lockProduct(
  sql: Sql,
  id: number,
): Promise<{ version: number; qty: number } | undefined> {
  const [row] = await sql.query<{ version: number; qty: number }>(
    "SELECT version, qty FROM products WHERE id = $1 FOR UPDATE",
    [id],
  );
  return row;
}

export async function updateProduct(
  sql: Sql,
  id: number,
  { name, price, qty }: ReplaceProductBody,
): Promise<Product> {
  const [row] = await sql.query<ProductRow>(
    `UPDATE products
     SET name = $2, price_cents = $3, qty = coalesce($4, qty), version = version + 1,
       updated_at = greatest(updated_at, clock_timestamp())
     WHERE id = $1 RETURNING ${PRODUCT_COLUMNS}`,
    [id, name, toCents(price), qty ?? null],
  );
  return toProduct(row!);
}

export async function insertAdjustment(
  sql: Sql,
  { productId, delta, requestId }: { productId: number; delta: number; requestId: string },
): Promise<void> {
  await sql.query(
    "INSERT INTO stock_adjustments (product_id, delta, request_id) VALUES ($1, $2, $3)",
    [productId, delta, requestId],
  );
}

/** The version that the product had, or `undefined` when there was none. */
export async function deleteProduct(sql: Sql, id: number): Promise<number | undefined> {
  const [row] = await sql.query<{ version: number }>(
    "DELETE FROM products WHERE id = $1 RETURNING version",
    [id],
  );
  return row?.version;
}
