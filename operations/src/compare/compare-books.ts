import type { Client } from "pg";
import type { Addresses } from "../config.ts";
import { askDatabase } from "../connections.ts";

/** Rows of each database in memory at once. */
const PAGE = 10_000;
const BELOW_ALL = "00000000-0000-0000-0000-000000000000";
const ABOVE_ALL = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** What an order and its movement have in common. */
export interface Entry {
  readonly id: string;
  readonly productId: number;
  readonly qty: number;
  readonly status: string;
  readonly reason: string | null;
}

/** How an order and its movement can differ. */
export const KINDS = ["no-movement", "no-order", "disagree"] as const;
export type Kind = (typeof KINDS)[number];

export interface Difference {
  readonly id: string;
  readonly order: Entry | undefined;
  readonly movement: Entry | undefined;
}

export interface Differences {
  count: number;
  /** In orders that are `done`. */
  pieces: number;
  /** In the order of their ids, which is that of time. */
  readonly first: Difference[];
}

export interface Comparison {
  orders: number;
  movements: number;
  readonly found: Readonly<Record<Kind, Differences>>;
}

interface Options {
  /** Of each kind at most so many are kept; all are counted. */
  readonly limit: number;
  readonly stop: AbortSignal;
}

/**
 * Compares the orders with the stock movements, a page of both at a time, in the order of their ids. The shop may run
 * meanwhile: orders that are not settled yet differ in nothing but product and quantity.
 */
export function compareBooks(
  { orderDb, productDb }: Pick<Addresses, "orderDb" | "productDb">,
  options: Options,
): Promise<Comparison> {
  return askDatabase(orderDb, (orders) =>
    askDatabase(productDb, (products) => compare({ orders, products }, options)),
  );
}

async function compare(
  { orders, products }: { orders: Client; products: Client },
  { limit, stop }: Options,
): Promise<Comparison> {
  const none = (): Differences => ({ count: 0, pieces: 0, first: [] });
  const found = { "no-movement": none(), "no-order": none(), disagree: none() };
  const comparison = { orders: 0, movements: 0, found };
  for (let after = BELOW_ALL; after !== ABOVE_ALL; stop.throwIfAborted()) {
    // Orders first: one that is settled by then has its movement by now.
    const orderPage = await readOrders(orders, after);
    const movementPage = await readMovements(products, after);
    const upTo = [lastOf(orderPage), lastOf(movementPage)].toSorted()[0]!;
    const placed = orderPage.filter(({ id }) => id <= upTo);
    const decided = new Map(
      movementPage.filter(({ id }) => id <= upTo).map((one) => [one.id, one]),
    );
    comparison.orders += placed.length;
    comparison.movements += decided.size;
    for (const order of placed) {
      const movement = decided.get(order.id);
      decided.delete(order.id);
      const kind = kindOf(order, movement);
      if (kind) add(found[kind], { id: order.id, order, movement }, limit);
    }
    // Some may have been placed since their page was read.
    const since = decided.size > 0 ? await findOrders(orders, [...decided.keys()]) : undefined;
    for (const [id, movement] of decided) {
      if (!since?.has(id)) add(found["no-order"], { id, order: undefined, movement }, limit);
    }
    after = upTo;
  }
  return comparison;
}

const readOrders = (client: Client, after: string): Promise<Entry[]> =>
  read(
    client,
    `SELECT id, product_id AS "productId", qty, status, reason FROM orders
     WHERE id > $1 ORDER BY id LIMIT $2`,
    [after, PAGE],
  );

const readMovements = (client: Client, after: string): Promise<Entry[]> =>
  read(
    client,
    `SELECT order_id AS id, product_id AS "productId", qty, status, reason FROM stock_movements
     WHERE order_id > $1 ORDER BY order_id LIMIT $2`,
    [after, PAGE],
  );

async function findOrders(client: Client, ids: readonly string[]): Promise<Set<string>> {
  const sql = "SELECT id FROM orders WHERE id = ANY($1::uuid[])";
  return new Set((await read(client, sql, [ids])).map(({ id }) => id));
}

const read = async (client: Client, sql: string, values: readonly unknown[]) =>
  (await client.query<Entry>(sql, [...values])).rows;

/** What is above the last of a full page has not been read yet. */
const lastOf = (page: readonly Entry[]): string =>
  page.length < PAGE ? ABOVE_ALL : page.at(-1)!.id;

function kindOf(order: Entry, movement: Entry | undefined): Kind | undefined {
  const isSettled = order.status !== "pending";
  if (!movement) return isSettled ? "no-movement" : undefined;
  const isSame = order.productId === movement.productId && order.qty === movement.qty;
  const endedSo = order.status === movement.status && order.reason === movement.reason;
  return isSame && (endedSo || !isSettled) ? undefined : "disagree";
}

function add(differences: Differences, difference: Difference, limit: number): void {
  const { order, movement } = difference;
  const entry = order ?? movement!;
  differences.count += 1;
  if (entry.status === "done") differences.pieces += entry.qty;
  if (differences.first.length < limit) differences.first.push(difference);
}
