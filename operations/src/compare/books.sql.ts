import type { Client } from "pg";

/** What an order and its movement have in common. */
export interface Entry {
  readonly id: string;
  readonly productId: number;
  readonly qty: number;
  readonly status: string;
  readonly reason: string | null;
}

/** By the primary key, from above an id. */
interface Page {
  readonly after: string;
  readonly most: number;
}

export async function readOrders(client: Client, { after, most }: Page): Promise<Entry[]> {
  const { rows } = await client.query<Entry>(
    `SELECT id, product_id AS "productId", qty, status, reason FROM orders
     WHERE id > $1 ORDER BY id LIMIT $2`,
    [after, most],
  );
  return rows;
}

export async function readMovements(client: Client, { after, most }: Page): Promise<Entry[]> {
  const { rows } = await client.query<Entry>(
    `SELECT order_id AS id, product_id AS "productId", qty, status, reason FROM stock_movements
     WHERE order_id > $1 ORDER BY order_id LIMIT $2`,
    [after, most],
  );
  return rows;
}

export async function findOrders(client: Client, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ id: string }>(
    "SELECT id FROM orders WHERE id = ANY($1::uuid[])",
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}
