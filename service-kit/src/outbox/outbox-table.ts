import type { QueryRunner } from "typeorm";

/**
 * Rows live for milliseconds: written with the fact, deleted when the broker has confirmed them. So the table is vacuumed
 * by count, not by share, or dead rows would pile up in front of the poller.
 */
export async function createOutboxTable(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE outbox (
      id uuid PRIMARY KEY,
      type text NOT NULL,
      subject text NOT NULL,
      request_id text NOT NULL,
      payload text NOT NULL,
      leased_until timestamptz NOT NULL
    ) WITH (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
    )`);
  await runner.query("CREATE INDEX outbox_leased_until ON outbox (leased_until)");
}
