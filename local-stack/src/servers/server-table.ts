import type { ServerKind } from "./find-server.ts";

export interface ServerEntry {
  readonly kind: ServerKind;
  /** The one service that uses it; the broker is for all of them. */
  readonly service?: string;
  /** Of a PostgreSQL, whose URL names it. */
  readonly database?: string;
  /** Of a Redis: the keys that its service may use. */
  readonly keys?: readonly string[];
  /** Never the servers' usual ports, and below those that systems hand out to outgoing connections. */
  readonly port: readonly [variable: string, number: number];
  /** The variable that names a server of somebody else's instead. */
  readonly urlVariable: string;
}

const TABLE = {
  "product-db": {
    kind: "postgres",
    service: "product-service",
    database: "products",
    port: ["PRODUCT_DB_PORT", 21_432],
    urlVariable: "PRODUCT_DATABASE_URL",
  },
  "order-db": {
    kind: "postgres",
    service: "order-service",
    database: "orders",
    port: ["ORDER_DB_PORT", 21_433],
    urlVariable: "ORDER_DATABASE_URL",
  },
  "product-redis": {
    kind: "redis",
    service: "product-service",
    keys: ["product:*"],
    port: ["PRODUCT_REDIS_PORT", 21_379],
    urlVariable: "PRODUCT_REDIS_URL",
  },
  "order-redis": {
    kind: "redis",
    service: "order-service",
    keys: ["product:*", "orders:*"],
    port: ["ORDER_REDIS_PORT", 21_380],
    urlVariable: "ORDER_REDIS_URL",
  },
  rabbitmq: {
    kind: "rabbitmq",
    port: ["RABBITMQ_PORT", 21_672],
    urlVariable: "RABBITMQ_URL",
  },
} as const satisfies Record<string, ServerEntry>;

export type ServerName = keyof typeof TABLE;

/** Every backing server: a PostgreSQL and a Redis for each service, and the broker that all share. */
export const SERVERS: Readonly<Record<ServerName, ServerEntry>> = TABLE;
export const SERVER_NAMES = Object.keys(TABLE) as ServerName[];

/** The variable that names the account which changes the tables of a database of somebody else's. */
export const migrationUrlVariable = (name: ServerName): string =>
  SERVERS[name].urlVariable.replace("DATABASE_URL", "MIGRATION_DATABASE_URL");

/** Those that have servers of their own. */
export const SERVICE_NAMES: readonly string[] = [
  ...new Set(Object.values(SERVERS).flatMap(({ service }) => service ?? [])),
];
