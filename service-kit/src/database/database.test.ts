import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { eventually } from "@shop/test-support/eventually";
import { createDatabase } from "@shop/test-support/servers";
import { connectSql, type Sql } from "@shop/test-support/sql";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, createTestLog } from "../kit.fixture.ts";
import { DatabaseUnavailable, isDatabaseTrouble } from "./database-errors.ts";
import type { Database } from "./database.ts";

/** The connections of this file, on a server that is shared with others. */
const OURS = "datname = current_database() AND application_name = 'test'";

/** A lock, a statement, the wait for it and the rollback: what a stuck server may cost at most. */
const STUCK_LIMIT_MS = 7_000;

let url: string;
let sql: Sql;
let proxy: TcpProxy;
let database: Database;
let testLog: ReturnType<typeof createTestLog>;

beforeAll(async () => {
  url = await createDatabase();
  sql = connectSql(url);
});
afterAll(() => sql.end());

beforeEach(async () => {
  proxy = await startTcpProxy(url);
  testLog = createTestLog();
  database = createTestDatabase(proxy.through(url), testLog.log);
});
afterEach(async () => {
  await database.stop();
  await proxy.stop();
});

async function start(): Promise<void> {
  void database.start();
  await eventually(() => expect(database.connected).toBe(true));
  await sql("TRUNCATE facts");
}

type SqlWork = (own: Pick<Database["sql"], "query">) => Promise<unknown>;

const openTransactions = () =>
  sql(`SELECT pid FROM pg_stat_activity
       WHERE ${OURS} AND state LIKE 'idle in transaction%'`);

const timed = async (work: Promise<unknown>): Promise<{ error: unknown; ms: number }> => {
  const startedAt = performance.now();
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - startedAt };
};

describe("a PostgreSQL that is away", () => {
  test("is waited for at the start, without its password in the log, and connected when it comes", async () => {
    await proxy.cut();
    void database.start();
    await eventually(() => expect(testLog.lines.length).toBeGreaterThan(1));
    expect(database.connected).toBe(false);
    expect(await database.answers()).toBe(false);
    await expect(database.sql.query("SELECT 1")).rejects.toThrow(DatabaseUnavailable);
    await expect(database.batchTransaction(async () => 1)).rejects.toThrow(DatabaseUnavailable);
    expect(testLog.lines[0]).toMatchObject({ level: "warn", msg: "waiting for the database" });
    expect(JSON.stringify(testLog.lines)).not.toContain(new URL(url).password || "no password");

    await proxy.restore();
    await eventually(() => expect(database.connected).toBe(true));
    expect(await database.answers()).toBe(true);
  });

  test("does not delay a stop before it came", async () => {
    await proxy.cut();
    void database.start();
    await eventually(() => expect(testLog.lines).not.toEqual([]));
    expect((await timed(database.stop())).ms).toBeLessThan(1_000);
  });

  test("delays a stop within the limits when it accepts and says nothing", async () => {
    proxy.stall();
    void database.start();
    expect((await timed(database.stop())).ms).toBeLessThan(4_000);
  });

  test("keeps no connection when the stop comes while connecting", async () => {
    void database.start();
    await database.stop();
    expect(database.connected).toBe(false);
    await eventually(async () =>
      expect(await sql(`SELECT pid FROM pg_stat_activity WHERE ${OURS}`)).toEqual([]),
    );
  });

  test("is used on new connections when it comes back", async () => {
    await start();
    await proxy.cut();
    expect(await database.answers()).toBe(false);
    const { error } = await timed(database.sql.query("SELECT 1"));
    expect(isDatabaseTrouble(error)).toBe(true);
    // No server listened a moment ago: none of these tries for itself.
    await eventually(async () => {
      await timed(database.sql.query("SELECT 1"));
      const crowd = Array.from({ length: 50 }, () => timed(database.sql.query("SELECT 1")));
      for (const one of await Promise.all(crowd))
        expect(one.error).toBeInstanceOf(DatabaseUnavailable);
    });
    await proxy.restore();
    await eventually(async () => expect(await database.answers()).toBe(true));
  });
});

describe("an array given to a statement", () => {
  beforeEach(start);

  test.each([
    [
      "texts that look like an array's own signs",
      ["", "NULL", "{}", ",", 'a"b', "a\\b", '\\"', "$&", " ", "a\nb\tc", "ü😀"],
    ],
    ["nothing", []],
    ["gaps", [null, "a", null]],
  ])("arrives exactly, with %s", async (_, texts) => {
    const [row] = await database.sql.query("SELECT $1::text[] AS texts", [texts]);
    expect(row).toEqual({ texts });
  });

  test("arrives with numbers, the strangest as well", async () => {
    const numbers = [0, -1, 0.5, 1e21, Number.MAX_VALUE, NaN, Infinity, null];
    const [row] = await database.sql.query("SELECT $1::float8[] AS numbers", [numbers]);
    expect(row).toEqual({ numbers });
  });

  test("arrives with NULL in place of undefined", async () => {
    const [row] = await database.sql.query("SELECT $1::text[] AS texts", [["a", undefined]]);
    expect(row).toEqual({ texts: ["a", null] });
  });

  test("is left to the client with anything else in it", async () => {
    const [row] = await database.sql.query(
      "SELECT $1::timestamptz[] AS times, $2::integer[] AS tables, $3::boolean[] AS answers",
      [
        [new Date(0)],
        [
          [1, 2],
          [3, 4],
        ],
        [true, false],
      ],
    );
    expect(row).toEqual({
      times: [new Date(0)],
      tables: [
        [1, 2],
        [3, 4],
      ],
      answers: [true, false],
    });
  });
});

describe.each([
  {
    how: "TypeORM's transaction",
    run: (work: SqlWork) => database.transaction(({ sql: own }) => work(own)),
  },
  {
    how: "a batch's transaction",
    run: (work: SqlWork) => database.batchTransaction(({ sql: own }) => work(own)),
  },
])("$how", ({ run }) => {
  beforeEach(start);

  test("commits nothing when its work throws, and leaves a clean connection", async () => {
    const failure = new Error("no");
    const failing = run(async (own) => {
      await own.query("INSERT INTO facts VALUES (1)");
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(await sql("SELECT * FROM facts")).toEqual([]);
    expect(await openTransactions()).toEqual([]);
  });

  test("leaves a clean connection when its work throws before its first statement", async () => {
    await expect(run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await openTransactions()).toEqual([]);
    expect(await database.answers()).toBe(true);
  });

  test("commits nothing when a statement fails", async () => {
    const { error } = await timed(
      run(async (own) => {
        await own.query("INSERT INTO facts VALUES (1)");
        await own.query("INSERT INTO facts VALUES (1)");
      }),
    );
    expect(error).toMatchObject({ code: "23505" });
    expect(await sql("SELECT * FROM facts")).toEqual([]);
  });

  test("fails with the error of a deferred rule", async () => {
    await sql("CREATE TABLE IF NOT EXISTS late (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    const { error } = await timed(run((own) => own.query("INSERT INTO late VALUES (1), (1)")));
    expect(error).toMatchObject({ code: "23505" });
    expect(await openTransactions()).toEqual([]);
  });

  test("commits nothing on a connection that breaks, and never uses that again", async () => {
    let pid = 0;
    const { error } = await timed(
      run(async (own) => {
        await own.query("INSERT INTO facts VALUES (1)");
        [{ pid } = { pid }] = await own.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
        await sql("SELECT pg_terminate_backend($1)", [pid]);
        await own.query("INSERT INTO facts VALUES (2)");
      }),
    );
    expect(isDatabaseTrouble(error)).toBe(true);
    expect(await sql("SELECT * FROM facts")).toEqual([]);
    const pids = await Promise.all(
      Array.from({ length: 8 }, () =>
        database.sql.query<{ pid: number }>("SELECT pg_backend_pid() AS pid"),
      ),
    );
    expect(pids.flat().map((row) => row.pid)).not.toContain(pid);
  });

  test("ends in time when the server hangs at the commit, and stays open nowhere", async () => {
    const { error, ms } = await timed(
      run(async (own) => {
        await own.query("INSERT INTO facts VALUES (1)");
        proxy.stall();
      }),
    );
    expect(isDatabaseTrouble(error)).toBe(true);
    expect(ms).toBeLessThan(STUCK_LIMIT_MS);
    proxy.flow();
    await eventually(async () => expect(await openTransactions()).toEqual([]));
    await eventually(async () => expect(await database.answers()).toBe(true));
  });
});

describe("a batch's transaction", () => {
  beforeEach(start);

  test("commits all of its work", async () => {
    const result = await database.batchTransaction(async (open) => {
      open.alongside(open.sql.query("INSERT INTO facts VALUES (1, 'a')"));
      await open.sql.query("INSERT INTO facts VALUES ($1, $2)", [2, "b"]);
      return "done";
    });
    expect(result).toBe("done");
    expect(await sql("SELECT id FROM facts ORDER BY id")).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test("fails with the error of the first statement that failed, whichever is seen first", async () => {
    const { error } = await timed(
      database.batchTransaction(async ({ sql: own }) => {
        const first = own.query("SELECT 1 / 0");
        const second = own.query("SELECT 1");
        first.catch(() => undefined);
        await second;
      }),
    );
    expect(error).toMatchObject({ code: "22012" });
  });

  test("fails with the error of a statement alongside", async () => {
    const { error } = await timed(
      database.batchTransaction(async (open) => {
        open.alongside(open.sql.query("INSERT INTO facts VALUES (1)"));
        open.alongside(open.sql.query("INSERT INTO facts VALUES (1)"));
        open.alongside(open.sql.query("INSERT INTO facts VALUES (2)"));
      }),
    );
    expect(error).toMatchObject({ code: "23505" });
    expect(await sql("SELECT * FROM facts")).toEqual([]);
    expect(await openTransactions()).toEqual([]);
  });

  test("fails when its work swallows a statement's error", async () => {
    const { error } = await timed(
      database.batchTransaction(async (open) => {
        await open.sql.query("INSERT INTO facts VALUES (1)");
        await open.sql.query("SELECT 1 / 0").catch(() => undefined);
      }),
    );
    expect(error).toBeInstanceOf(Error);
    expect(await sql("SELECT * FROM facts")).toEqual([]);
  });

  test("has a connection of its own, also of a hundred on four connections", async () => {
    await Promise.all(
      Array.from({ length: 100 }, (_, id) =>
        database.batchTransaction(async (open) => {
          await open.sql.query("INSERT INTO facts VALUES ($1)", [id]);
          if (id % 2 === 1) throw new Error("odd");
        }),
      ).map((running) => running.catch(() => undefined)),
    );
    const [row] = await sql<{ even: number; all: number }>(
      "SELECT count(*) FILTER (WHERE id % 2 = 0)::int AS even, count(*)::int AS all FROM facts",
    );
    expect(row).toEqual({ even: 50, all: 50 });
  });
});

describe("a connection that breaks", () => {
  beforeEach(start);

  test("before the commit makes the transaction fail as database trouble", async () => {
    const { error } = await timed(
      database.batchTransaction(async (open) => {
        await open.sql.query("INSERT INTO facts VALUES (1)");
        await proxy.cut();
      }),
    );
    expect(isDatabaseTrouble(error)).toBe(true);
    await proxy.restore();
    await eventually(async () => expect(await sql("SELECT * FROM facts")).toEqual([]));
    await eventually(async () => expect(await database.answers()).toBe(true));
  });

  test("while it is idle is replaced unnoticed", async () => {
    await database.sql.query("SELECT 1");
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS}`);
    await eventually(async () => expect(await database.answers()).toBe(true));
  });

  test("again and again under load makes only database trouble, and nothing leaks", async () => {
    const errors: unknown[] = [];
    let committed = 0;
    const load = new AbortController();
    const workers = Array.from({ length: 6 }, async (_, worker) => {
      for (let turn = 0; !load.signal.aborted; turn += 1) {
        await database
          .batchTransaction(async (open) => {
            await open.sql.query("INSERT INTO facts VALUES ($1)", [worker * 1_000_000 + turn]);
            await open.sql.query("SELECT pg_sleep(0.005)");
          })
          .then(
            () => (committed += 1),
            (error: unknown) => errors.push(error),
          );
      }
    });
    for (let round = 0; round < 30; round += 1) {
      await sql(
        `SELECT pg_terminate_backend(pid), pg_sleep(0.02) FROM pg_stat_activity WHERE ${OURS} LIMIT 2`,
      );
    }
    load.abort();
    await Promise.all(workers);

    expect(errors.length).toBeGreaterThan(0);
    expect(errors.filter((error) => !isDatabaseTrouble(error))).toEqual([]);
    const [row] = await sql<{ count: number }>("SELECT count(*)::int AS count FROM facts");
    expect(row!.count).toBeGreaterThanOrEqual(committed);
    expect(row!.count).toBeLessThanOrEqual(committed + errors.length);
    await eventually(async () => expect(await openTransactions()).toEqual([]));
    expect(await database.answers()).toBe(true);
  });
});

describe("a server that ends a connection in the moment it is made", () => {
  /** An answer to a start-up that says "welcome" and "the administrator ended this connection" in one packet. */
  function welcomeAndEnd(): Buffer {
    const message = (type: string, body: string): Buffer => {
      const content = Buffer.from(body, "latin1");
      const head = Buffer.alloc(5);
      head.write(type);
      head.writeInt32BE(content.length + 4, 1);
      return Buffer.concat([head, content]);
    };
    const fatal =
      "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
    return Buffer.concat([message("R", "\0\0\0\0"), message("Z", "I"), message("E", fatal)]);
  }

  // A real server does so when it is stopped, but not at a time of our choice.
  test("does not end the process, which tries again", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(welcomeAndEnd()));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const away = createTestDatabase(`postgres://a:b@127.0.0.1:${port}/c`, testLog.log);
    void away.start();
    await eventually(() => expect(testLog.lines.length).toBeGreaterThan(1));
    expect(testLog.lines[0]).toMatchObject({ level: "warn", msg: "waiting for the database" });
    await away.stop();
    server.close();
  });
});

describe("whatever is stuck", () => {
  beforeEach(start);

  test("the server: statements and transactions end in time, and work again afterwards", async () => {
    const inside = database.batchTransaction(async (open) => {
      await open.sql.query("INSERT INTO facts VALUES (1)");
      proxy.stall();
      await open.sql.query("INSERT INTO facts VALUES (2)");
    });
    const results = await Promise.all([
      timed(inside),
      timed(database.sql.query("SELECT 1")),
      timed(database.answers()),
    ]);
    for (const { ms } of results) expect(ms).toBeLessThan(STUCK_LIMIT_MS);
    expect(isDatabaseTrouble(results[0].error)).toBe(true);

    const startedAt = performance.now();
    expect(await database.answers()).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_500);

    proxy.flow();
    await eventually(async () => expect(await database.answers()).toBe(true));
    await eventually(async () => expect(await openTransactions()).toEqual([]));
    expect(await sql("SELECT * FROM facts")).toEqual([]);
  });

  test("a statement that timed out: its connection is not lent to the next caller", async () => {
    const one = createTestDatabase(proxy.through(url), testLog.log, { poolSize: 1 });
    await one.start();
    expect(await one.answers()).toBe(true);
    proxy.stall();
    const startedAt = performance.now();
    const givenUp = timed(one.sql.query("SELECT 1").finally(() => proxy.flow()));
    await eventually(() => expect(performance.now() - startedAt).toBeGreaterThan(1_700));
    // Waits for the only connection, and gets no other's error.
    expect(await one.sql.query("SELECT 2 AS two")).toEqual([{ two: 2 }]);
    expect(isDatabaseTrouble((await givenUp).error)).toBe(true);
    await one.stop();
  });

  test("a lock: the wait for it ends in time, and others go on", async () => {
    await sql("INSERT INTO facts VALUES (1)");
    const holding = database.batchTransaction(async (open) => {
      await open.sql.query("SELECT * FROM facts WHERE id = 1 FOR UPDATE");
      const waiting = timed(database.sql.query("UPDATE facts SET note = 'x' WHERE id = 1"));
      await database.sql.query("INSERT INTO facts VALUES (2)");
      return waiting;
    });
    const { error, ms } = await holding;
    expect(error).toMatchObject({ code: "55P03" });
    expect(isDatabaseTrouble(error)).toBe(true);
    expect(ms).toBeLessThan(2_400);
  });

  test("all connections: the next caller waits for a limited time", async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const holders = Array.from({ length: 4 }, () =>
      database.batchTransaction(async (open) => {
        await open.sql.query("SELECT 1");
        await gate;
      }),
    );
    const { error, ms } = await timed(database.sql.query("SELECT 1"));
    release();
    await Promise.all(holders);
    expect(isDatabaseTrouble(error)).toBe(true);
    expect(ms).toBeLessThan(2_400);
  });
});
