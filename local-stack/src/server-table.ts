import type { ServerKind } from "./find-server.ts";

interface ServerEntry {
  readonly kind: ServerKind;
  /** Of a PostgreSQL, whose URL names it. */
  readonly database?: string;
  /** Never the servers' usual ports, and below those that systems hand out to outgoing connections. */
  readonly port: readonly [variable: string, number: number];
  /** The variable that names a server of somebody else's instead. */
  readonly urlVariable: string;
}

const TABLE = {
  "product-db": {
    kind: "postgres",
    database: "products",
    port: ["PRODUCT_DB_PORT", 21_432],
    urlVariable: "PRODUCT_DATABASE_URL",
  },
  "order-db": {
    kind: "postgres",
    database: "orders",
    port: ["ORDER_DB_PORT", 21_433],
    urlVariable: "ORDER_DATABASE_URL",
  },
  "product-redis": {
    kind: "redis",
    port: ["PRODUCT_REDIS_PORT", 21_379],
    urlVariable: "PRODUCT_REDIS_URL",
  },
  "order-redis": {
    kind: "redis",
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
