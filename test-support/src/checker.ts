import { WORK_QUEUES } from "@shop/contracts/topology";
import type { BrokerClient } from "./broker-client.ts";
import type { Sql } from "./sql.ts";
import type { Entry, Ledger } from "./ledger.ts";

/** Where the truth is: both databases and the broker. */
export interface Truth {
  readonly products: Sql;
  readonly orders: Sql;
  readonly broker: Pick<BrokerClient, "depth">;
}

/** What still has to happen before the system is at rest, in words; empty when it is. */
export async function unrest({ products, orders, broker }: Truth): Promise<string[]> {
  const left: string[] = [];
  const [pending] = await orders<{ count: number }>(
    "SELECT count(*)::int AS count FROM orders WHERE status = 'pending'",
  );
  if (pending!.count > 0) left.push(`${pending!.count} orders are pending`);
  for (const [service, sql] of Object.entries({ products, orders })) {
    const rows = await sql<{ count: number }>("SELECT count(*)::int AS count FROM outbox");
    if (rows[0]!.count > 0) left.push(`${rows[0]!.count} events in the outbox of ${service}`);
  }
  for (const { name } of WORK_QUEUES) {
    const depth = await broker.depth(name);
    if (depth > 0) left.push(`${depth} messages in ${name}`);
  }
  return left;
}

const KEYS_AT_ONCE = 10_000;

/** Below every id. */
const THE_BEGINNING = "00000000-0000-0000-0000-000000000000";

/**
 * Every broken promise, in words; empty when there is none. For a system at rest. The letters are those of the
 * drills: (a) stock adds up, (b) each 201 is one settled order, (c) one movement for each settled order, (d) one order for
 * each key, (e) nothing in the dead-letter queues. Ids are in the order of
 * time: orders before `since` are not in the ledger.
 */
export async function violations(
  truth: Truth,
  ledger: Ledger,
  since: string = THE_BEGINNING,
): Promise<string[]> {
  return [
    ...(await stockThatDoesNotAddUp(truth.products)),
    ...(await booksThatDiffer(truth, ledger, since)),
    ...(await keysWithOtherOrders(truth.orders, ledger)),
    ...(await deadLetters(truth.broker)),
  ];
}

/** (a) A product that was deleted has no stock left to look at. */
async function stockThatDoesNotAddUp(products: Sql): Promise<string[]> {
  const rows = await products<{ id: number; qty: number; should: number }>(
    `SELECT id, qty, (initial_qty
       + coalesce((SELECT sum(delta) FROM stock_adjustments WHERE product_id = p.id), 0)
       - coalesce((SELECT sum(qty) FROM stock_movements
                   WHERE product_id = p.id AND status = 'done'), 0))::int AS should
     FROM products AS p`,
  );
  return rows
    .filter(({ qty, should }) => qty !== should || qty < 0)
    .map(({ id, qty, should }) => `(a) product ${id} has ${qty} pieces and should have ${should}`);
}

/** (d) Primary keys guarantee the rest: no id twice, no key twice. */
async function keysWithOtherOrders(orders: Sql, { accepted }: Ledger): Promise<string[]> {
  const wrong: string[] = [];
  const keyed = accepted.filter(({ key }) => key !== undefined);
  for (let from = 0; from < keyed.length; from += KEYS_AT_ONCE) {
    const some = keyed.slice(from, from + KEYS_AT_ONCE);
    const rows = await orders<{ key: string; order_id: string }>(
      "SELECT key, order_id FROM idempotency_keys WHERE caller = '' AND key = ANY($1::text[])",
      [some.map(({ key }) => key)],
    );
    const found = new Map(rows.map(({ key, order_id: id }) => [key, id]));
    for (const { key, order } of some) {
      const id = found.get(key!);
      if (id !== order!.id) wrong.push(`(d) ${key} was answered ${order!.id} and is ${id}`);
    }
  }
  return wrong;
}

/** (e) */
async function deadLetters(broker: Truth["broker"]): Promise<string[]> {
  const wrong: string[] = [];
  for (const { deadQueue } of WORK_QUEUES) {
    const depth = await broker.depth(deadQueue);
    if (depth > 0) wrong.push(`(e) ${depth} messages in ${deadQueue}`);
  }
  return wrong;
}

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

/** Rows in memory at once: hours of load make a million orders. */
const PAGE = 20_000;
/** Above every id. */
const THE_END = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** (b) and (c): compares the ledger, the orders and the movements, a page at a time, in the order of their ids. */
async function booksThatDiffer(
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

/** Repeated requests with one key have one wish. */
const wishOf = ({ key, requestId }: Entry): string => key ?? requestId;

/** Each order comes from one request that was not refused, and no wish has two orders, answered or not. */
function notAskedFor(
  { id, request_id: requestId }: OrderRow,
  known: { asker: Entry | undefined; promise: Entry | undefined; granted: Set<string> },
): string[] {
  const { asker, promise, granted } = known;
  if (asker === undefined)
    return [`(b) order ${id} (request ${requestId}): no request asked for it`];
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
