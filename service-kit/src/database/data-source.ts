import pg, { Client, type ClientConfig } from "pg";
import { AbstractLogger, type DataSourceOptions, type MixedList } from "typeorm";
import type { ServiceConfig } from "../config/variables.ts";

/**
 * Each limit is below the next one out, so that the innermost part that is stuck is the one that gives up: a lock, the
 * statement, the client's wait for it. With the wait for a connection they stay below the gateway's deadline.
 */
export const LOCK_TIMEOUT_MS = 1_500;
export const STATEMENT_TIMEOUT_MS = 2_000;
const QUERY_TIMEOUT_MS = 2_500;
const CONNECT_TIMEOUT_MS = 1_500;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const IDLE_CONNECTION_MS = 30_000;

export interface Schema {
  readonly entities: MixedList<Function>;
  readonly migrations: MixedList<Function>;
}

type DatabaseConfig = Pick<ServiceConfig, "DATABASE_URL" | "DATABASE_POOL_SIZE">;

export function dataSourceOptions(
  name: string,
  config: DatabaseConfig,
  schema: Schema,
): DataSourceOptions & { type: "postgres" } {
  return {
    type: "postgres",
    // Else TypeORM looks for it among installed packages, of which an image has none.
    driver: pg,
    url: config.DATABASE_URL,
    applicationName: name,
    entities: schema.entities,
    migrations: schema.migrations,
    migrationsTransactionMode: "each",
    synchronize: false,
    installExtensions: false,
    logger: new Silent(),
    poolSize: config.DATABASE_POOL_SIZE,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    // Errors of idle connections: the pool drops the connection and the next query makes a new one.
    poolErrorHandler: () => undefined,
    extra: {
      Client: ClientWithListener,
      lock_timeout: LOCK_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      keepAlive: true,
      // Statements that do not wait for each other's answers share a packet and a round trip.
      pipeline: true,
    },
  };
}

/**
 * A server can end a connection in the very packet that opens it. The pool has stopped listening by then, and the caller has not
 * begun: without a listener that error would end the process; with one the connection's first statement fails.
 */
class ClientWithListener extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on("error", () => undefined);
  }
}

/** Whatever fails is thrown as well, and logged by us: TypeORM's own lines would not be JSON. */
class Silent extends AbstractLogger {
  protected override writeLog(): void {}
}
