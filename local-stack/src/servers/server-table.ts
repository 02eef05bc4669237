import {
  SERVICE_NAMES,
  SERVICES,
  shortName,
  type Service,
  type ServiceName,
} from "../../../shared-contracts/src/services.ts";
import type { ServerKind } from "./find-server.ts";

export interface ServerEntry {
  readonly kind: ServerKind;
  /** The one service that uses it; the broker is for all of them. */
  readonly service?: ServiceName;
  /** Of a PostgreSQL, whose URL names it. */
  readonly database?: string;
  /** Of a Redis: the keys that its service may use. */
  readonly keys?: readonly string[];
  readonly port: readonly [variable: string, number: number];
  /** The variable that names an existing server to use in its place. */
  readonly urlVariable: string;
}

/** Never the servers' usual ports, and below those that systems hand out to outgoing connections. */
const FIRST_PORT = { postgres: 21_432, redis: 21_379 };
const RABBITMQ_PORT = 21_672;

type Short<Name> = Name extends `${infer Own}-service` ? Own : never;
type WithRedis = {
  [Name in ServiceName]: (typeof SERVICES)[Name] extends { redisKeys: unknown } ? Name : never;
}[ServiceName];

export type DatabaseServer = `${Short<ServiceName>}-db`;
export type RedisServer = `${Short<WithRedis>}-redis`;
export type ServerName = DatabaseServer | RedisServer | "rabbitmq";

export const databaseOf = (service: string): DatabaseServer =>
  `${shortName(service)}-db` as DatabaseServer;

/** Undefined for a service without a Redis. */
export const redisOf = (service: ServiceName): RedisServer | undefined =>
  "redisKeys" in SERVICES[service] ? (`${shortName(service)}-redis` as RedisServer) : undefined;

function serversOf(service: ServiceName, index: number): [ServerName, ServerEntry][] {
  const { database, redisKeys: keys }: Service = SERVICES[service];
  const own = shortName(service).toUpperCase().replaceAll("-", "_");
  const postgres: ServerEntry = {
    kind: "postgres",
    service,
    database,
    port: [`${own}_DB_PORT`, FIRST_PORT.postgres + index],
    urlVariable: `${own}_DATABASE_URL`,
  };
  const redis = redisOf(service);
  if (redis === undefined || keys === undefined) return [[databaseOf(service), postgres]];
  return [
    [databaseOf(service), postgres],
    [
      redis,
      {
        kind: "redis",
        service,
        keys,
        port: [`${own}_REDIS_PORT`, FIRST_PORT.redis + index],
        urlVariable: `${own}_REDIS_URL`,
      },
    ],
  ];
}

/** Every backing server: a PostgreSQL for each service, a Redis for those that have one, and the broker that all share. */
export const SERVERS = Object.fromEntries([
  ...SERVICE_NAMES.flatMap(serversOf),
  [
    "rabbitmq",
    { kind: "rabbitmq", port: ["RABBITMQ_PORT", RABBITMQ_PORT], urlVariable: "RABBITMQ_URL" },
  ],
]) as Readonly<Record<ServerName, ServerEntry>>;

export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

/** The variable that names the account which changes the tables of an existing database. */
export const migrationUrlVariable = (name: ServerName): string =>
  SERVERS[name].urlVariable.replace("DATABASE_URL", "MIGRATION_DATABASE_URL");
