import { call } from "@shop/test-support/http";
import { connectSql, type Sql } from "@shop/test-support/sql";
import type { OwnSystem } from "local-stack/launcher/own-system";
import type { Load } from "../start-load.ts";
import { cpuUsOf, memoryMbOf } from "../machine.ts";

const PROGRAM_NAMES = ["gateway", "order-service", "product-service"] as const;
export const PROCESS_NAMES = [
  ...PROGRAM_NAMES,
  "order-db",
  "product-db",
  "order-redis",
  "product-redis",
  "rabbitmq",
] as const;

export type ByProcess = Readonly<Record<string, number>>;

/** A running system, and what a scenario needs of it. */
export interface Shop {
  readonly url: string;
  readonly orderServiceUrl: string;
  readonly orders: Sql;
  readonly products: Sql;
  readonly load: Load;
  cpuUs(): ByProcess;
  memoryMb(): ByProcess;
  close(): Promise<void>;
}

export function openShop(system: OwnSystem, load: Load): Shop {
  const orders = connectSql(system.url("order-db"));
  const products = connectSql(system.url("product-db"));
  const pidOf = (name: string): number => {
    const all = [...system.running.servers, ...system.running.programs];
    return all.find(({ server }) => server.name === name)!.server.pid;
  };
  const pids = (): number[] => PROCESS_NAMES.map(pidOf);
  return {
    url: system.url("gateway"),
    orderServiceUrl: system.url("order-service"),
    orders,
    products,
    load,
    cpuUs: () => byProcess(cpuUsOf(pids())),
    memoryMb: () => byProcess(pids().map(memoryMbOf)),
    close: async () => {
      await Promise.all([orders.end(), products.end()]);
    },
  };
}

const byProcess = (values: readonly number[]): ByProcess =>
  Object.fromEntries(PROCESS_NAMES.map((name, index) => [name, values[index]!]));

/** What each process has used since, for each of `count`; and our three programs together. */
export function cpuPer(count: number, before: ByProcess, after: ByProcess): Record<string, number> {
  const each = PROCESS_NAMES.map((name) => [name, (after[name]! - before[name]!) / count] as const);
  const programs = each.slice(0, PROGRAM_NAMES.length).reduce((sum, [, used]) => sum + used, 0);
  return {
    ...Object.fromEntries(each.map(([name, used]) => [`cpu ${name}`, used])),
    cpuPrograms: programs,
  };
}

export const memoryFigures = (kind: string, memory: ByProcess): Record<string, number> =>
  Object.fromEntries(Object.entries(memory).map(([name, mb]) => [`${kind} ${name}`, mb]));

/** Enough that nothing is ever sold out. */
const STOCK = 1_000_000_000;
/** More than a page, so that every list is a full one. */
const ORDERS_EACH = 30;

export async function createProducts({ url }: Shop, count: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const body = { name: `Bench product ${index + 1}`, price: 19.99, qty: STOCK };
      const { status, text, body: answer } = await call(`${url}/products`, { body });
      if (status !== 201) throw new Error(`no product: ${text}`);
      return answer.data.id as number;
    }),
  );
}

export async function placeFirstOrders({ url }: Shop, productIds: readonly number[]) {
  for (let turn = 0; turn < ORDERS_EACH; turn += 1) {
    await Promise.all(
      productIds.map(async (productId) => {
        const { status, text } = await call(`${url}/orders`, { body: { productId, qty: 1 } });
        if (status !== 201) throw new Error(`no order: ${text}`);
      }),
    );
  }
}

/** The ids of `count` products; what is missing is written straight into the database, where clients' writes would take minutes. */
export async function manyProducts({ products }: Shop, count: number): Promise<number[]> {
  await products(
    `INSERT INTO products (name, price_cents, qty, initial_qty)
     SELECT 'Product ' || n, 1999, 1000000, 1000000
     FROM generate_series(1, $1 - (SELECT count(*) FROM products)::int) AS n`,
    [count],
  );
  await products("VACUUM (ANALYZE) products");
  const rows = await products<{ id: number }>("SELECT id FROM products ORDER BY id LIMIT $1", [
    count,
  ]);
  return rows.map(({ id }) => id);
}
