import { createOutboxTable } from "@shop/service-kit/outbox/outbox.sql";
import type { MigrationInterface, QueryRunner } from "typeorm";

export class ProductsAndStock1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Room in each page lets a sale rewrite its product's row in place, without touching an index.
    await runner.query(`
      CREATE TABLE products (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL,
        price_cents bigint NOT NULL,
        qty integer NOT NULL,
        initial_qty integer NOT NULL,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT products_price_range CHECK (price_cents BETWEEN 0 AND 999999999),
        CONSTRAINT products_never_oversold CHECK (qty >= 0)
      ) WITH (fillfactor = 50)`);
    await runner.query(`
      CREATE TABLE stock_movements (
        order_id uuid PRIMARY KEY,
        product_id integer NOT NULL,
        qty integer NOT NULL,
        status text NOT NULL,
        reason text,
        decided_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT stock_movements_status CHECK (status IN ('done', 'rejected')),
        CONSTRAINT stock_movements_reason CHECK ((status = 'rejected') = (reason IS NOT NULL))
      )`);
    await runner.query(`
      CREATE TABLE stock_adjustments (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        product_id integer NOT NULL,
        delta integer NOT NULL,
        request_id text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await createOutboxTable(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE outbox, stock_adjustments, stock_movements, products");
  }
}
