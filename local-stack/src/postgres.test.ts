import { existsSync, mkdirSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createDatabases, startPostgres } from "./postgres.ts";
import { postgresAnswers } from "./readiness.ts";
import { testFolder } from "./temporary-folder.fixture.ts";

test("When it is killed while clients are connected, then it starts again with what was committed", async () => {
  const postgres = await startPostgres({ durable: true, databases: ["products"] });
  onTestFinished(() => postgres.stop());
  await postgres.psql(["CREATE TABLE t AS SELECT 7 AS n"], "products");
  const sleeping = postgres.psql(["SELECT pg_sleep(60)"], "products").catch(() => "cut off");
  const firstPid = postgres.pid;

  await postgres.kill();
  expect(postgres.isRunning()).toBe(false);
  await postgres.restart();

  expect(await sleeping).toBe("cut off");
  expect(postgres.pid).not.toBe(firstPid);
  expect(await postgres.psql(["SELECT n FROM t"], "products")).toBe("7\n");
});

test("When databases are asked for twice, then each is made once and has a URL", async () => {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const urls = await createDatabases(postgres, ["a", "b"]);
  expect(urls).toEqual([`${postgres.url}/a`, `${postgres.url}/b`]);
  expect(await createDatabases(postgres, ["b", "c"])).toHaveLength(2);
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
