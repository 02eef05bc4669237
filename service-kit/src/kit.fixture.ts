import { randomUUIDv7 } from "node:crypto";
import type { Order } from "@shop/contracts/order";
import type { Product } from "@shop/contracts/product";
import { captureLog } from "@shop/test-support/log-capture";
import { DataSource, type MigrationInterface, type QueryRunner } from "typeorm";
import { dataSourceOptions, type Schema } from "./database/data-source.ts";
import { Database } from "./database/database.ts";
import { migrate } from "./database/migrate.ts";
import { createLogger, EventLog } from "./log/logger.ts";
import { createOutboxTable } from "./outbox/outbox.sql.ts";

/** A log that tests can read. */
export function createTestLog() {
  const { destination, lines } = captureLog();
  const log = createLogger({ name: "test", level: "debug" }, destination);
  return { log, lines, destination, events: new EventLog(log, "info") };
}

/** An outbox, and a table for facts that tests write beside it. */
class FactsAndOutbox1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createOutboxTable(runner);
    await runner.query("CREATE TABLE facts (id integer PRIMARY KEY, note text)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE facts, outbox");
  }
}

export const testSchema: Schema = { entities: [], migrations: [FactsAndOutbox1700000000001] };

/** Not started yet. */
export function createTestDatabase(
  url: string,
  log = createTestLog().log,
  { poolSize = 4, schema = testSchema }: { poolSize?: number; schema?: Schema } = {},
): Database {
  const config = { DATABASE_URL: url, DATABASE_POOL_SIZE: poolSize };
  return new Database(
    new DataSource(dataSourceOptions("test", config, schema)),
    () => migrate("test", config, schema),
    log,
  );
}

const at = "2026-11-20T10:15:30.123Z";

export const someOrder = (more: Partial<Order> = {}): Order => ({
  id: randomUUIDv7(),
  productId: 26,
  qty: 2,
  unitPrice: 19.99,
  totalPrice: 39.98,
  status: "pending",
  reason: null,
  createdAt: at,
  updatedAt: at,
  ...more,
});

export const someProduct = (more: Partial<Product> = {}): Product => ({
  id: 26,
  name: "Laptop",
  price: 19.99,
  qty: 10,
  version: 1,
  createdAt: at,
  updatedAt: at,
  ...more,
});
