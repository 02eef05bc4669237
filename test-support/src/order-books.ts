import type { Truth } from "./checker.ts";
import type { Entry, Ledger } from "./ledger.ts";

interface OrderRow {
  readonly id: string;
  readonly product_id: number;
  readonly qty: number;
  readonly status: string;
  readonly reason: string | null;
}

/** Rows in memory at once: hours of load are a million orders. */
const PAGE = 20_000;
/** Above every id. */
const THE_END = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** (b) and (c): the ledger, the orders and the movements, laid side by side a page at a time, in the order of their ids. */
export async function booksThatDiffer(
  { orders, products }: Truth,
  ledger: Ledger,
  since: string,
): Promise<string[]> {
  const wrong: string[] = [];
  const promised = promisesOf(ledger, wrong);
  const promises = promised.size;
  let rows = 0;
  for (let from = since, isLast = false, isFirst = true; !isLast; isFirst = false) {
    const page = await orders<OrderRow>(
      `SELECT id, product_id, qty, status, reason FROM orders
       WHERE id ${isFirst ? ">=" : ">"} $1 ORDER BY id LIMIT $2`,
      [from, PAGE],
    );
    isLast = page.length < PAGE;
    const to = isLast ? THE_END : page.at(-1)!.id;
    const movements = await products<OrderRow>(
      `SELECT order_id AS id, product_id, qty, status, reason FROM stock_movements
       WHERE order_id ${isFirst ? ">=" : ">"} $1 AND order_id <= $2`,
      [from, to],
    );
    for (const row of page) {
      wrong.push(...promiseNotKept(row, promised.get(row.id)));
      promised.delete(row.id);
    }
    wrong.push(...movementsThatDiffer(movements, page));
    rows += page.length;
    from = to;
  }
  for (const id of promised.keys()) wrong.push(`(b) order ${id} was promised and is not there`);
  const unknown = mayBeThere(ledger);
  if (rows > promises + unknown)
    wrong.push(`(b) ${rows} orders of ${promises} promised and ${unknown} unknown`);
  return wrong;
}

/** By the order's id. A key may be answered the same order many times; two requests without one may not. */
function promisesOf({ accepted }: Ledger, wrong: string[]): Map<string, Entry> {
  const promised = new Map<string, Entry>();
  for (const entry of accepted) {
    const { id } = entry.order!;
    const before = promised.get(id);
    if (before && (entry.key === undefined || before.key !== entry.key))
      wrong.push(`(b) order ${id} was promised to two requests`);
    promised.set(id, entry);
  }
  return promised;
}

function promiseNotKept(row: OrderRow, promise: Entry | undefined): string[] {
  if (!promise) return [];
  const { wish } = promise;
  if (row.status === "pending") return [`(b) order ${row.id} is not settled`];
  const asWished = row.product_id === wish.productId && row.qty === wish.qty;
  return asWished ? [] : [`(b) order ${row.id} is not what was wished for`];
}

/** Orders of which nobody was told: one for each request without an answer, or for each key that never got one. */
function mayBeThere({ entries, accepted }: Ledger): number {
  const answered = new Set(accepted.map(({ key }) => key));
  const unknown = entries.filter(({ outcome }) => outcome === "unknown");
  const open = unknown.flatMap(({ key }) => (key === undefined || answered.has(key) ? [] : [key]));
  return unknown.filter(({ key }) => key === undefined).length + new Set(open).size;
}

/** (c) Compared whole, so that `done` is also what took stock. */
function movementsThatDiffer(
  movements: readonly OrderRow[],
  orders: readonly OrderRow[],
): string[] {
  const text = ({ product_id: productId, qty, status, reason }: OrderRow): string =>
    `${qty} of product ${productId} ${status} ${reason ?? ""}`;
  const decided = new Map(movements.map((movement) => [movement.id, text(movement)]));
  const wrong: string[] = [];
  for (const row of orders) {
    const movement = decided.get(row.id) ?? "not decided";
    decided.delete(row.id);
    if (movement !== text(row))
      wrong.push(`(c) order ${row.id} is ${text(row)}, decided ${movement}`);
  }
  for (const id of decided.keys())
    wrong.push(`(c) a movement for the order ${id}, which is not there`);
  return wrong;
}
