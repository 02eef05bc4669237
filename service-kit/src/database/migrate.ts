import { DataSource, type DataSourceOptions } from "typeorm";

/** Any number: the same for all replicas of a service, whose databases are their own. */
const MIGRATION_LOCK = 7_243_001;
const MIGRATION_LIMIT_MS = 600_000;

/**
 * Applies what is pending, under a lock held by one session, so that replicas can start together. On connections of its
 * own, since a migration may take longer than any request.
 */
export async function migrate(options: DataSourceOptions & { type: "postgres" }): Promise<number> {
  const dataSource = new DataSource({
    ...options,
    poolSize: 2,
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
    const applied = await dataSource.runMigrations();
    await session.query("SELECT pg_advisory_unlock($1)", [MIGRATION_LOCK]);
    await session.release();
    return applied.length;
  } finally {
    // Closing the connection gives the lock back, whatever happened.
    await dataSource.destroy();
  }
}
