import { dataSourceOptions } from "@shop/service-kit/database/data-source";
import { createDatabase } from "@shop/test-support/servers";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { orderSchema } from "../app.module.ts";

let dataSource: DataSource;

beforeAll(async () => {
  const config = { DATABASE_URL: await createDatabase(), DATABASE_POOL_SIZE: 2 };
  dataSource = await new DataSource(
    dataSourceOptions("migrations", config, orderSchema),
  ).initialize();
});
afterAll(() => dataSource.destroy());

const tables = async (): Promise<string[]> =>
  (
    await dataSource.query<{ tablename: string }[]>(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    )
  ).map(({ tablename }) => tablename);

test("makes the tables that the entities declare: TypeORM finds nothing to change", async () => {
  await dataSource.runMigrations();
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
});

test("takes back by down all that up made, and goes up again", async () => {
  await dataSource.runMigrations();
  expect(await tables()).toEqual(["idempotency_keys", "migrations", "orders", "outbox"]);
  for (const _ of orderSchema.migrations) await dataSource.undoLastMigration();
  expect(await tables()).toEqual(["migrations"]);
  await dataSource.runMigrations();
  expect(await tables()).toEqual(["idempotency_keys", "migrations", "orders", "outbox"]);
});

test("lets the database itself refuse what an order can never be", async () => {
  await dataSource.runMigrations();
  const insert = (status: string, reason: string | null) =>
    dataSource.query(
      `INSERT INTO orders (id, product_id, qty, unit_price_cents, total_price_cents, status, reason,
         request_id, created_at, updated_at, next_tell_at)
       VALUES (gen_random_uuid(), 1, 1, 1, 1, $1, $2, 'r', now(), now(), now())`,
      [status, reason],
    );
  await insert("rejected", "OUT_OF_STOCK");
  await expect(insert("shipped", null)).rejects.toThrow("orders_status");
  await expect(insert("rejected", null)).rejects.toThrow("orders_reason");
  await expect(insert("done", "OUT_OF_STOCK")).rejects.toThrow("orders_reason");
});
