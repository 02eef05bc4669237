import { WORK_QUEUES } from "@shop/contracts/topology";
import type { BrokerClient } from "./broker-client.ts";
import type { Sql } from "./sql.ts";
import type { Ledger } from "./ledger.ts";

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

interface OrderRow {
  readonly id: string;
  readonly product_id: number;
  readonly qty: number;
  readonly status: string;
  readonly reason: string | null;
}

/** Below every id. */
const THE_BEGINNING = "00000000-0000-0000-0000-000000000000";

/**
 * Whatever is not as the system promises, in words; empty when all holds. For a system at rest. The letters are those of the
 * drills: (a) stock adds up, (b) each 201 is one settled order, (c) one movement for each settled order, (d) one order for
 * each key, (e) nothing in the dead queues. Orders have ids of the order of time: those
 * before `since` are not the ledger's.
 */
export async function violations(
  truth: Truth,
  ledger: Ledger,
  since: string = THE_BEGINNING,
): Promise<string[]> {
  const rows = await truth.orders<OrderRow>(
    "SELECT id, product_id, qty, status, reason FROM orders WHERE id >= $1",
    [since],
  );
  const orders = new Map(rows.map((row) => [row.id, row]));
  const movements = await truth.products<OrderRow>(
    "SELECT order_id AS id, product_id, qty, status, reason FROM stock_movements WHERE order_id >= $1",
    [since],
  );
  return [
    ...(await stockThatDoesNotAddUp(truth.products)),
    ...promisesNotKept(ledger, orders),
    ...movementsThatDiffer(movements, orders),
    ...(await keysWithOtherOrders(truth.orders, ledger, since)),
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

/** (b) */
function promisesNotKept(ledger: Ledger, orders: ReadonlyMap<string, OrderRow>): string[] {
  const wrong: string[] = [];
  const promised = new Map<string, string | undefined>();
  for (const { wish, key, order } of ledger.accepted) {
    const { id } = order!;
    const row = orders.get(id);
    if (!row) wrong.push(`(b) order ${id} was promised and is not there`);
    else if (row.status === "pending") wrong.push(`(b) order ${id} is not settled`);
    else if (row.product_id !== wish.productId || row.qty !== wish.qty)
      wrong.push(`(b) order ${id} is not what was wished for`);
    if (promised.has(id) && (key === undefined || promised.get(id) !== key))
      wrong.push(`(b) order ${id} was promised to two requests`);
    promised.set(id, key);
  }
  const unknown = mayBeThere(ledger);
  if (orders.size > promised.size + unknown)
    wrong.push(`(b) ${orders.size} orders of ${promised.size} promised and ${unknown} unknown`);
  return wrong;
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
  orders: ReadonlyMap<string, OrderRow>,
): string[] {
  const text = ({ product_id: productId, qty, status, reason }: OrderRow): string =>
    `${qty} of product ${productId} ${status} ${reason ?? ""}`;
  const decided = new Map(movements.map((movement) => [movement.id, text(movement)]));
  const wrong = [...decided.keys()]
    .filter((id) => !orders.has(id))
    .map((id) => `(c) a movement for the order ${id}, which is not there`);
  for (const [id, row] of orders) {
    const movement = decided.get(id) ?? "not decided";
    if (movement !== text(row)) wrong.push(`(c) order ${id} is ${text(row)}, decided ${movement}`);
  }
  return wrong;
}

/** (d) The tables' primary keys hold the rest: no id twice, no key twice. */
async function keysWithOtherOrders(orders: Sql, ledger: Ledger, since: string): Promise<string[]> {
  const rows = await orders<{ key: string; order_id: string }>(
    "SELECT key, order_id FROM idempotency_keys WHERE order_id >= $1",
    [since],
  );
  const holders = new Map(rows.map(({ key, order_id: id }) => [key, id]));
  return ledger.accepted
    .filter(({ key, order }) => key !== undefined && holders.get(key) !== order!.id)
    .map(({ key, order }) => `(d) ${key} was answered ${order!.id} and is ${holders.get(key!)}`);
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
