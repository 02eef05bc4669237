import { eventually } from "@shop/test-support/eventually";
import { createAccount, createDatabase } from "@shop/test-support/servers";
import { connectSql, type Sql } from "@shop/test-support/sql";
import type { MigrationInterface, QueryRunner } from "typeorm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createTestDatabase, createTestLog } from "../kit.fixture.ts";
import type { Schema } from "./data-source.ts";
import type { Database } from "./database.ts";
import { migrate, type MigrationConfig } from "./migrate.ts";

/** Slow on purpose: an instance that does not wait for the other one fails on it. */
class MakeThings1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE things (id integer PRIMARY KEY)");
    await runner.query("SELECT pg_sleep(0.2)");
    await runner.query("INSERT INTO things VALUES (1)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE things");
  }
}

class AddNote1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE things ADD COLUMN note text");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE things DROP COLUMN note");
  }
}

class Fail1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE TABLE half_done (id integer)");
    await runner.query("SELECT 1 / 0");
  }

  async down(): Promise<void> {}
}

const first: Schema = { entities: [], migrations: [MakeThings1700000000001] };
const both: Schema = { entities: [], migrations: [MakeThings1700000000001, AddNote1700000000002] };
const failing: Schema = { entities: [], migrations: [MakeThings1700000000001, Fail1700000000003] };

let url: string;
let sql: Sql;
const started: Database[] = [];

beforeEach(async () => {
  url = await createDatabase();
  sql = connectSql(url);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((database) => database.stop()));
  await sql.end();
});

const migrateTo = (schema: Schema, more: Partial<MigrationConfig> = {}): Promise<number> =>
  migrate("test", { DATABASE_URL: url, MIGRATION_DATABASE_URL: undefined, ...more }, schema);

const connections = () =>
  sql(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'test'",
  );

test("applies each migration once when four instances start at once, and all get ready", async () => {
  const log = createTestLog();
  const databases = Array.from({ length: 4 }, () =>
    createTestDatabase(url, log.log, { poolSize: 2, schema: both }),
  );
  started.push(...databases);
  for (const database of databases) void database.start();
  await eventually(() => expect(databases.every(({ connected }) => connected)).toBe(true));

  expect(await sql("SELECT * FROM things")).toEqual([{ id: 1, note: null }]);
  const applied = log.lines.map((line) => line["migrationsApplied"]);
  expect(applied.toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 0, 0, 2]);
});

test("applies only what is new when a newer version starts beside an older one", async () => {
  expect(await migrateTo(first)).toBe(1);
  expect(await migrateTo(both)).toBe(1);
  expect(await migrateTo(both)).toBe(0);
  // An older version that starts again, with a migration in the database that it does not know.
  expect(await migrateTo(first)).toBe(0);
});

test("leaves nothing of a migration that fails, keeps the one before it, and frees the lock", async () => {
  const printed = vi.spyOn(console, "log");
  await expect(migrateTo(failing)).rejects.toThrow("division by zero");
  // What is not JSON has no place on standard output.
  expect(printed).not.toHaveBeenCalled();
  printed.mockRestore();
  expect(await sql("SELECT to_regclass('half_done') AS it")).toEqual([{ it: null }]);
  expect(await sql("SELECT * FROM things")).toEqual([{ id: 1 }]);
  await eventually(async () => expect(await connections()).toEqual([]));
  expect(await migrateTo(both)).toBe(1);
});

test("lets a migration take longer than a statement may", async () => {
  class Slow1700000000001 implements MigrationInterface {
    async up(runner: QueryRunner): Promise<void> {
      await runner.query("SELECT pg_sleep(2.7)");
    }

    async down(): Promise<void> {}
  }
  expect(await migrateTo({ entities: [], migrations: [Slow1700000000001] })).toBe(1);
});

describe("tables of another account", () => {
  let serviceUrl: string;
  beforeEach(async () => {
    serviceUrl = await createAccount(url);
  });

  test("let the service's account use rows, and not change tables or touch the machine", async () => {
    const owner = { DATABASE_URL: serviceUrl, MIGRATION_DATABASE_URL: url };
    expect(await migrateTo(both, owner)).toBe(2);
    const service = connectSql(serviceUrl);
    await service("INSERT INTO things VALUES (2)");
    await service("UPDATE things SET note = 'x' WHERE id = 2");
    await service("DELETE FROM things WHERE id = 2");
    expect(await service("SELECT * FROM things")).toEqual([{ id: 1, note: null }]);
    const statements = [
      "DROP TABLE things",
      "TRUNCATE things",
      "ALTER TABLE things ADD COLUMN other text",
      "CREATE TABLE own (id integer)",
      "CREATE TEMPORARY TABLE own (id integer)",
      "DELETE FROM migrations",
      "COPY things (note) FROM PROGRAM 'id'",
      "COPY things TO '/tmp/things'",
      "SELECT pg_read_file('PG_VERSION')",
      "CREATE ROLE other SUPERUSER",
      "ALTER SYSTEM SET log_statement = 'all'",
    ];
    for (const statement of statements) {
      const outcome = await service(statement).catch(({ code }) => code);
      expect({ statement, outcome }).toEqual({ statement, outcome: "42501" });
    }
    await service.end();
  });

  test("let the service start when nothing is pending, else it says what to do", async () => {
    const log = createTestLog();
    const database = createTestDatabase(serviceUrl, log.log, { poolSize: 2, schema: both });
    started.push(database);
    await database.start();
    expect(database.connected).toBe(false);
    await eventually(() =>
      expect(log.lines).toContainEqual(
        expect.objectContaining({
          msg: "waiting for the database",
          err: expect.objectContaining({
            message: expect.stringContaining("MIGRATION_DATABASE_URL"),
          }),
        }),
      ),
    );
    await migrateTo(both, { DATABASE_URL: serviceUrl, MIGRATION_DATABASE_URL: url });
    await eventually(() => expect(database.connected).toBe(true));
  });
});
