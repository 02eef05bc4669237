import type { Truth } from "./checker.ts";
import type { Entry, Ledger } from "./ledger.ts";

interface Decided {
  readonly id: string;
  readonly product_id: number;
  readonly qty: number;
  readonly status: string;
  readonly reason: string | null;
}

interface OrderRow extends Decided {
  readonly request_id: string;
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
  const askers = new Map(ledger.entries.map((entry) => [entry.requestId, entry]));
  const granted = new Set<string>();
  for (let from = since, isLast = false, isFirst = true; !isLast; isFirst = false) {
    const page = await orders<OrderRow>(
      `SELECT id, product_id, qty, status, reason, request_id FROM orders
       WHERE id ${isFirst ? ">=" : ">"} $1 ORDER BY id LIMIT $2`,
      [from, PAGE],
    );
    isLast = page.length < PAGE;
    const to = isLast ? THE_END : page.at(-1)!.id;
    const movements = await products<Decided>(
      `SELECT order_id AS id, product_id, qty, status, reason FROM stock_movements
       WHERE order_id ${isFirst ? ">=" : ">"} $1 AND order_id <= $2`,
      [from, to],
    );
    for (const row of page) {
      const promise = promised.get(row.id);
      wrong.push(...promiseNotKept(row, promise));
      wrong.push(...notAskedFor(row, { asker: askers.get(row.request_id), promise, granted }));
      promised.delete(row.id);
    }
    wrong.push(...movementsThatDiffer(movements, page));
    from = to;
  }
  for (const id of promised.keys()) wrong.push(`(b) order ${id} was promised and is not there`);
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

function promiseNotKept(row: Decided, promise: Entry | undefined): string[] {
  if (!promise) return [];
  const { wish } = promise;
  if (row.status === "pending") return [`(b) order ${row.id} is not settled`];
  const asWished = row.product_id === wish.productId && row.qty === wish.qty;
  return asWished ? [] : [`(b) order ${row.id} is not what was wished for`];
}

/** Whoever asks again under a key has one wish. */
const wishOf = ({ key, requestId }: Entry): string => key ?? requestId;

/** Each order goes back to one request that was not refused, and no wish has two orders, whether anybody was told of them or not. */
function notAskedFor(
  { id, request_id: requestId }: OrderRow,
  told: { asker: Entry | undefined; promise: Entry | undefined; granted: Set<string> },
): string[] {
  const { asker, promise, granted } = told;
  if (asker === undefined) return [`(b) order ${id} (request ${requestId}): nobody asked for it`];
  if (asker.outcome === "refused")
    return [`(b) order ${id} (request ${requestId}): its request was answered ${asker.status}`];
  const wish = wishOf(asker);
  if (promise && wishOf(promise) !== wish)
    return [`(b) order ${id} (request ${requestId}) was promised to ${promise.requestId}`];
  if (granted.has(wish)) return [`(b) order ${id} is one more for ${wish}`];
  granted.add(wish);
  return [];
}

/** (c) Compared whole, so that `done` is also what took stock. */
function movementsThatDiffer(movements: readonly Decided[], orders: readonly Decided[]): string[] {
  const text = ({ product_id: productId, qty, status, reason }: Decided): string =>
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
