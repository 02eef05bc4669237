import { connectSql, type Sql } from "@shop/test-support/sql";
import type { OwnSystem } from "local-stack/launcher/own-system";
import { cpuUsOf, memoryMbOf } from "../figures/process-figures.ts";
import type { Address } from "../load/connection.ts";
import type { Load } from "../load/start-load.ts";

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
  readonly gateway: Address;
  readonly orderService: Address;
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
    gateway: addressOf(system.url("gateway")),
    orderService: addressOf(system.url("order-service")),
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

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

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
