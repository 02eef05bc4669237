import { escapeIdentifier } from "pg";
import { DataSource, type QueryRunner } from "typeorm";
import type { ServiceConfig } from "../config/variables.ts";
import { dataSourceOptions, type Schema } from "./data-source.ts";
import { isForbidden } from "./database-errors.ts";

/** Any number: the same for all replicas of a service, whose databases are their own. */
const MIGRATION_LOCK = 7_243_001;
const MIGRATION_LIMIT_MS = 600_000;
const CONNECTIONS = 2;

export type MigrationConfig = Pick<ServiceConfig, "DATABASE_URL" | "MIGRATION_DATABASE_URL">;

/**
 * Applies what is pending, under a lock held by one session, so that replicas can start together. On connections of its
 * own, since a migration may take longer than any request. Where another account owns the tables, the service's gets to use them.
 */
export async function migrate(
  name: string,
  { DATABASE_URL, MIGRATION_DATABASE_URL = DATABASE_URL }: MigrationConfig,
  schema: Schema,
): Promise<number> {
  const connection = { DATABASE_URL: MIGRATION_DATABASE_URL, DATABASE_POOL_SIZE: CONNECTIONS };
  const options = dataSourceOptions(name, connection, schema);
  const dataSource = new DataSource({
    ...options,
    extra: {
      ...options.extra,
      lock_timeout: MIGRATION_LIMIT_MS,
      statement_timeout: MIGRATION_LIMIT_MS,
      query_timeout: MIGRATION_LIMIT_MS,
      idle_in_transaction_session_timeout: 0,
    },
  });
  await dataSource.initialize();
  try {
    const session = dataSource.createQueryRunner();
    await session.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    const applied = await dataSource.runMigrations().catch(explainForbidden);
    if (MIGRATION_DATABASE_URL !== DATABASE_URL) await grantUse(session, new URL(DATABASE_URL));
    await session.query("SELECT pg_advisory_unlock($1)", [MIGRATION_LOCK]);
    await session.release();
    return applied.length;
  } finally {
    // Closing the connection gives the lock back, whatever happened.
    await dataSource.destroy();
  }
}

function explainForbidden(error: unknown): never {
  if (!isForbidden(error)) throw error;
  throw new Error(
    "The tables are older than this release, and the account of DATABASE_URL may not change them: run the program's command " +
      '"migrate" with MIGRATION_DATABASE_URL, or set that for the service.',
    { cause: error },
  );
}

/** Rows, and nothing else. Which migrations were applied can only be read. */
async function grantUse(session: QueryRunner, { username }: URL): Promise<void> {
  const account = escapeIdentifier(decodeURIComponent(username));
  await session.query(
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${account}`,
  );
  await session.query(`REVOKE INSERT, UPDATE, DELETE ON migrations FROM ${account}`);
}
