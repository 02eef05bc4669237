import { existsSync, mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import pg from "pg";
import { temporaryPasswords, urlFor } from "./accounts.ts";
import { createDatabases } from "./postgres-databases.ts";
import { startPostgres } from "./postgres.ts";
import { postgresAnswers } from "./readiness.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

async function ask(url: string, statement: string): Promise<object[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const results = [await client.query(statement)].flat();
    return results.at(-1)!.rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

test("When it is killed while clients are connected, then it starts again with what was committed", async () => {
  const postgres = await startPostgres({ durable: true, databases: [{ name: "products" }] });
  onTestFinished(() => postgres.stop());
  const products = `${postgres.url}/products`;
  await ask(products, "CREATE TABLE t AS SELECT 7 AS n");
  const sleeping = ask(products, "SELECT pg_sleep(60)").catch(() => "cut off");
  const firstPid = postgres.pid;

  await postgres.kill();
  expect(postgres.isRunning()).toBe(false);
  await postgres.restart();

  expect(await sleeping).toBe("cut off");
  expect(postgres.pid).not.toBe(firstPid);
  expect(await ask(products, "SELECT n FROM t")).toEqual([{ n: 7 }]);
});

test("When a database is asked for again, then it stays, and its accounts have the passwords that are given now", async () => {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const databases = [{ name: "orders", service: "order-service" }];
  for (const passwordOf of [temporaryPasswords(), temporaryPasswords()]) {
    await createDatabases(postgres.url, databases, passwordOf);
    for (const account of ["order-service", "order-service-owner"]) {
      const url = urlFor(`${postgres.url}/orders`, account, passwordOf);
      expect(await ask(url, "SELECT current_user AS is")).toEqual([{ is: account }]);
      await expect(ask(url, "CREATE ROLE x SUPERUSER")).rejects.toMatchObject({ code: "42501" });
    }
  }
});

test("When its data is started again with other passwords, then the operator's is still the one that it was made with", async () => {
  const dataDir = join(await testFolder("two starts"), "product-db");
  const first = await startPostgres({ dataDir, passwordOf: () => "one" });
  await first.stop();
  const second = await startPostgres({ dataDir, passwordOf: () => "two" });
  onTestFinished(() => second.stop());
  expect(new URL(second.url).password).toBe("one");
  expect(await ask(`${second.url}/postgres`, "SELECT 1 AS it")).toEqual([{ it: 1 }]);
});

test("When its data is of an earlier version, then it stays, with another password and with an owner of its own", async () => {
  const dataDir = join(await testFolder("earlier"), "order-db");
  const databases = [{ name: "orders", service: "order-service" }];
  const earlier = await startPostgres({ dataDir, databases: [{ name: "orders" }] });
  const orders = `${earlier.url}/orders`;
  await ask(orders, "CREATE TABLE orders AS SELECT 7 AS n");
  await ask(orders, "ALTER ROLE shop PASSWORD 'shop'");
  await earlier.stop();
  rmSync(join(earlier.dataDir, "operator-password"));

  const passwordOf = temporaryPasswords();
  for (let start = 1; start <= 2; start += 1) {
    const now = await startPostgres({ dataDir, databases, passwordOf });
    expect(new URL(now.url).password).toBe(passwordOf("shop"));
    const owner = urlFor(`${now.url}/orders`, "order-service-owner", passwordOf);
    expect(
      await ask(owner, "ALTER TABLE orders ADD COLUMN note text; SELECT n FROM orders"),
    ).toEqual([{ n: 7 }]);
    await ask(owner, "ALTER TABLE orders DROP COLUMN note");
    await now.stop();
  }
});

test("When it is paused, then it answers nobody until it is resumed; even then it can be ended", async () => {
  const postgres = await startPostgres();
  await postgres.pause();
  expect(await postgresAnswers(postgres.port)).toBe(false);
  await postgres.resume();
  expect(await postgresAnswers(postgres.port)).toBe(true);
  await postgres.pause();
  await postgres.stop();
  expect(postgres.isRunning()).toBe(false);
});

test("When it is stopped, then temporary data is gone and its port is closed", async () => {
  const postgres = await startPostgres();
  await postgres.stop();
  expect(existsSync(postgres.dataDir)).toBe(false);
  const [error] = await once(connect(postgres.port, "127.0.0.1"), "error");
  expect((error as NodeJS.ErrnoException).code).toBe("ECONNREFUSED");
});

test("When an earlier start was cut off in the middle of making its data, then that does no harm", async () => {
  const dataDir = join(await testFolder("cut off"), "product-db");
  mkdirSync(join(`${dataDir}.new`, "cluster"), { recursive: true });
  const postgres = await startPostgres({ dataDir });
  await postgres.stop();
  expect(existsSync(`${dataDir}.new`)).toBe(false);
  expect(existsSync(join(dataDir, "PG_VERSION"))).toBe(true);
});

test("When the start is aborted, then no process is left", async () => {
  const stop = new AbortController();
  const pids: number[] = [];
  const starting = startPostgres({
    signal: stop.signal,
    onLaunch({ pid }) {
      pids.push(pid);
      stop.abort(new Error("stopped"));
    },
  });
  await expect(starting).rejects.toThrow("stopped");
  expect(() => process.kill(pids[0] ?? 0, 0)).toThrow("ESRCH");
});
