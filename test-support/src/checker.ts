import { WORK_QUEUES } from "@shop/contracts/topology";
import type { BrokerClient } from "./broker-client.ts";
import type { Sql } from "./sql.ts";
import type { Ledger } from "./ledger.ts";
import { booksThatDiffer } from "./order-books.ts";

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
 * each key, (e) nothing in the dead queues. Orders have ids of the order of time: those
 * before `since` are not the ledger's.
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

/** (d) The tables' primary keys hold the rest: no id twice, no key twice. */
async function keysWithOtherOrders(orders: Sql, { accepted }: Ledger): Promise<string[]> {
  const wrong: string[] = [];
  const keyed = accepted.filter(({ key }) => key !== undefined);
  for (let from = 0; from < keyed.length; from += KEYS_AT_ONCE) {
    const some = keyed.slice(from, from + KEYS_AT_ONCE);
    const rows = await orders<{ key: string; order_id: string }>(
      "SELECT key, order_id FROM idempotency_keys WHERE caller = '' AND key = ANY($1::text[])",
      [some.map(({ key }) => key)],
    );
    const holders = new Map(rows.map(({ key, order_id: id }) => [key, id]));
    for (const { key, order } of some) {
      const holder = holders.get(key!);
      if (holder !== order!.id) wrong.push(`(d) ${key} was answered ${order!.id} and is ${holder}`);
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
