import { createOutboxTable } from "@shop/service-kit/outbox/outbox.sql";
import type { MigrationInterface, QueryRunner } from "typeorm";

export class Orders1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE orders (
        id uuid PRIMARY KEY,
        product_id integer NOT NULL,
        qty integer NOT NULL,
        unit_price_cents bigint NOT NULL,
        total_price_cents bigint NOT NULL,
        status text NOT NULL,
        reason text,
        request_id text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        next_tell_at timestamptz NOT NULL,
        times_told_again smallint NOT NULL DEFAULT 0,
        CONSTRAINT orders_status CHECK (status IN ('pending', 'done', 'rejected')),
        CONSTRAINT orders_reason CHECK ((status = 'rejected') = (reason IS NOT NULL))
      )`);
    await runner.query("CREATE INDEX orders_by_product ON orders (product_id, id DESC)");
    await runner.query(
      `CREATE INDEX orders_pending ON orders (next_tell_at) WHERE status = 'pending'`,
    );
    await runner.query(`
      CREATE TABLE idempotency_keys (
        caller text NOT NULL,
        key text NOT NULL,
        fingerprint text NOT NULL,
        order_id uuid NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (caller, key)
      )`);
    await runner.query("CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at)");
    await createOutboxTable(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE outbox, idempotency_keys, orders");
  }
}
