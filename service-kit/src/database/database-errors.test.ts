import { createDatabase } from "@shop/test-support/servers";
import { Client, Pool } from "pg";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DatabaseUnavailable,
  isDatabaseTrouble,
  isRowLockTimeout,
  isLockTimeout,
} from "./database-errors.ts";

let url: string;
let pool: Pool;

beforeAll(async () => {
  url = await createDatabase();
  pool = new Pool({ connectionString: url, max: 1 });
  pool.on("error", () => undefined);
  await pool.query(
    "CREATE TABLE t (id integer PRIMARY KEY, name text NOT NULL, n integer CHECK (n > 0))",
  );
});
afterAll(() => pool.end());

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("the data is at fault", () => {
  test.each<[string, string, unknown[]]>([
    ["a broken unique rule", "INSERT INTO t VALUES (1, 'a'), (1, 'b')", []],
    ["a missing value", "INSERT INTO t VALUES (1, NULL)", []],
    ["a broken check", "INSERT INTO t VALUES (1, 'a', -1)", []],
    ["a number out of range", "SELECT $1::integer", [9_999_999_999]],
    ["text that is no number", "SELECT $1::integer", ["abc"]],
    ["text that is no UUID", "SELECT $1::uuid", ["abc"]],
    ["U+0000 in a text", "SELECT $1::text", ["a\u0000b"]],
    ["a division by zero", "SELECT 1 / 0", []],
  ])("when PostgreSQL complains of %s", async (_what, text, values) => {
    const error = await errorOf(pool.query(text, values));
    expect(error).toMatchObject({ code: expect.stringMatching(/^2[23]/) });
    expect(isDatabaseTrouble(error)).toBe(false);
  });
});

describe("the database is in the way", () => {
  test.each([
    ["a statement timeout", "SET statement_timeout = 20; SELECT pg_sleep(5)"],
    ["a table that is not there yet", "SELECT * FROM not_yet"],
    ["a column that is not there yet", "SELECT not_yet FROM t"],
    ["the end of its own session", "SELECT pg_terminate_backend(pg_backend_pid())"],
    ["a server that shuts down", "DO $$ BEGIN RAISE SQLSTATE '57P03'; END $$"],
    ["a deadlock", "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"],
    ["a full disk", "DO $$ BEGIN RAISE SQLSTATE '53100'; END $$"],
  ])("when PostgreSQL complains of %s", async (_what, text) => {
    expect(isDatabaseTrouble(await errorOf(pool.query(text)))).toBe(true);
  });

  test("when no server listens", async () => {
    const client = new Client({ connectionString: "postgres://a:b@127.0.0.1:1/c" });
    const error = await errorOf(client.connect());
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
    expect(isDatabaseTrouble(error)).toBe(true);
  });

  test("when its name has no address", async () => {
    const client = new Client({ connectionString: "postgres://a:b@no-such-host.invalid/c" });
    expect(isDatabaseTrouble(await errorOf(client.connect()))).toBe(true);
  });

  test.each([
    ["the account does not exist", { username: "nobody" }],
    ["it is not there", { pathname: "/none" }],
  ])("when %s", async (_what, change) => {
    const wrong = new URL(url);
    Object.assign(wrong, change);
    const error = await errorOf(new Client({ connectionString: wrong.href }).connect());
    expect(isDatabaseTrouble(error)).toBe(true);
  });

  test("when the pool has no connection left, or is closed", async () => {
    const own = new Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 500 });
    const client = await own.connect();
    expect(isDatabaseTrouble(await errorOf(own.query("SELECT 1")))).toBe(true);
    client.release();
    await own.end();
    expect(isDatabaseTrouble(await errorOf(own.query("SELECT 1")))).toBe(true);
  });

  test("when a connection is used after it was lost, or after it was closed", async () => {
    const lost = new Client({ connectionString: url });
    lost.on("error", () => undefined);
    await lost.connect();
    await errorOf(lost.query("SELECT pg_terminate_backend(pg_backend_pid())"));
    expect(isDatabaseTrouble(await errorOf(lost.query("SELECT 1")))).toBe(true);

    const closed = new Client({ connectionString: url });
    await closed.connect();
    const closing = closed.end();
    expect(isDatabaseTrouble(await errorOf(closed.query("SELECT 1")))).toBe(true);
    await closing;
    expect(isDatabaseTrouble(await errorOf(closed.query("SELECT 1")))).toBe(true);
  });

  test("when an answer does not come", async () => {
    const client = new Client({ connectionString: url, query_timeout: 30 });
    client.on("error", () => undefined);
    await client.connect();
    const error = await errorOf(client.query("SELECT pg_sleep(0.2)"));
    expect(isDatabaseTrouble(error)).toBe(true);
    await client.end();
  });

  test("when TypeORM has not been connected, or has released the connection", async () => {
    const dataSource = new DataSource({ type: "postgres", url });
    expect(isDatabaseTrouble(await errorOf(dataSource.query("SELECT 1")))).toBe(true);
    await dataSource.initialize();
    const runner = dataSource.createQueryRunner();
    await runner.query("SELECT 1");
    await runner.release();
    expect(isDatabaseTrouble(await errorOf(runner.query("SELECT 1")))).toBe(true);
    expect(isDatabaseTrouble(await errorOf(dataSource.query("SELECT * FROM not_yet")))).toBe(true);
    expect(isDatabaseTrouble(await errorOf(dataSource.query("SELECT 1 / 0")))).toBe(false);
    await dataSource.destroy();
  });

  test("when all addresses of the host refuse", () => {
    const refused = Object.assign(new Error(""), { code: "ECONNREFUSED" });
    expect(isDatabaseTrouble(new AggregateError([refused]))).toBe(true);
    expect(isDatabaseTrouble(new DatabaseUnavailable())).toBe(true);
  });
});

describe("another transaction has locked", () => {
  test.each<[string, string, string, boolean]>([
    ["a row", "SELECT FROM held FOR UPDATE", "UPDATE held SET id = 2", true],
    [
      "a key",
      "INSERT INTO held VALUES (2)",
      "INSERT INTO held VALUES (2) ON CONFLICT DO NOTHING",
      true,
    ],
    ["the table", "LOCK TABLE held IN SHARE MODE", "INSERT INTO held VALUES (3)", false],
  ])("%s for too long", async (_what, holding, waiting, isOne) => {
    await pool.query("DROP TABLE IF EXISTS held");
    await pool.query("CREATE TABLE held (id integer PRIMARY KEY)");
    await pool.query("INSERT INTO held VALUES (1)");
    const holder = new Client({ connectionString: url });
    await holder.connect();
    await holder.query("BEGIN");
    await holder.query(holding);
    const error = await errorOf(pool.query(`SET lock_timeout = 50; ${waiting}`));
    await holder.end();
    expect(isLockTimeout(error)).toBe(true);
    expect(isRowLockTimeout(error)).toBe(isOne);
    expect(isDatabaseTrouble(error)).toBe(true);
  });
});

describe("something else is wrong", () => {
  test.each([
    new Error("price is negative"),
    new TypeError("Cannot read properties of undefined"),
    Object.assign(new Error("no"), { code: "ERR_INVALID_ARG_TYPE" }),
    Object.assign(new Error("no"), { code: 42 }),
    new AggregateError([new Error("a"), new Error("b")]),
    "text",
    undefined,
    null,
    { code: "57P01" },
  ])("when it is %s", (thrown) => {
    expect(isDatabaseTrouble(thrown)).toBe(false);
  });
});
