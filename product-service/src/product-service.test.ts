import { execFile } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { dataSourceOptions } from "@shop/service-kit/database/data-source";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { createDatabase } from "@shop/test-support/servers";
import { connectSql } from "@shop/test-support/sql";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readProductServiceConfig } from "./config.ts";
import { orderFor, startFixture, type Fixture } from "./product-service.fixture.ts";
import { productSchema } from "./app.module.ts";

const BOUND_MS = 4_500;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
beforeEach(() => fixture.ready());
afterAll(() => fixture.stop());

const run = promisify(execFile);
const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** The program's end, for environments in which it must not start. */
const endOf = (env: Record<string, string>): Promise<{ code: number; stderr: string }> =>
  run(process.execPath, [program], { env, timeout: 30_000 }).then(
    () => ({ code: 0, stderr: "" }),
    (error: { code: number; stderr: string }) => error,
  );

describe("migrations", () => {
  const connect = async (url: string): Promise<DataSource> => {
    const config = { DATABASE_URL: url, DATABASE_POOL_SIZE: 2 };
    return new DataSource(dataSourceOptions("test", config, productSchema)).initialize();
  };

  test("when they have run, then the entities ask for nothing more", async () => {
    const dataSource = await connect(fixture.environment.DATABASE_URL);
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    await dataSource.destroy();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  test("when they go down and up again, then the schema is gone and then the same", async () => {
    const url = await createDatabase();
    const [dataSource, sql] = [await connect(url), connectSql(url)];
    const columns = () =>
      sql(
        `SELECT table_name, column_name, data_type, column_default, is_nullable
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name NOT IN ('migrations') ORDER BY 1, 2`,
      );
    await dataSource.runMigrations();
    const first = await columns();
    expect(first).not.toEqual([]);
    for (const _ of dataSource.migrations) await dataSource.undoLastMigration();
    expect(await columns()).toEqual([]);
    await dataSource.runMigrations();
    expect(await columns()).toEqual(first);
    await Promise.all([dataSource.destroy(), sql.end()]);
  });

  test("when instances start together on an empty database, then each migration is applied once", async () => {
    const url = await createDatabase();
    const instances = await Promise.all(
      [1, 2, 3].map(() => fixture.startAnother({ DATABASE_URL: url })),
    );
    await Promise.all(instances.map((instance) => fixture.ready(instance.url)));
    const sql = connectSql(url);
    expect(await sql("SELECT name FROM migrations")).toHaveLength(productSchema.migrations.length);
    const created = await Promise.all(
      instances.map((instance) =>
        call(`${instance.url}/products`, { body: { name: "x", price: 1, qty: 1 } }),
      ),
    );
    expect(created.map(({ status }) => status)).toEqual([201, 201, 201]);
    await Promise.all([...instances.map((instance) => instance.stop()), sql.end()]);
  });
});

describe("starting", () => {
  test("when PostgreSQL, RabbitMQ and Redis are away, then it starts, says so, and works when they come", async () => {
    const ways = Object.values(fixture.ways);
    await Promise.all(ways.map((way) => way.cut()));
    const instance = await fixture.startAnother(fixture.onItsWays);
    try {
      expect((await call(`${instance.url}/health/live`)).status).toBe(200);
      const ready = await call(`${instance.url}/health/ready`);
      expect(ready.status).toBe(503);
      expect(ready.body).toEqual({
        status: "down",
        checks: {
          database: "down",
          broker: "degraded",
          consumers: "degraded",
          redis: "degraded",
        },
      });
      const startedAt = performance.now();
      for (const path of ["/products", "/products/1"]) {
        const { status, headers, body } = await call(`${instance.url}${path}`);
        expect(status).toBe(503);
        expect(headers["retry-after"]).toBe("1");
        expect(body.code).toBe("UNAVAILABLE");
      }
      expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);

      await Promise.all(ways.map((way) => way.restore()));
      await fixture.ready(instance.url);
      const { body } = await call(`${instance.url}/products`, {
        body: { name: "x", price: 1, qty: 1 },
      });
      const order = orderFor(body.id);
      await fixture.broker.publish("order.created", order);
      await fixture.allSettled([order]);
    } finally {
      await instance.stop();
    }
  });

  test("when only the broker is away, then products are written, and told when it comes", async () => {
    const told = await fixture.broker.receive("product.created");
    await fixture.ways.broker.cut();
    const instance = await fixture.startAnother(fixture.onItsWays);
    try {
      await eventually(async () =>
        expect((await call(`${instance.url}/health/ready`)).body).toMatchObject({
          status: "degraded",
          checks: { database: "ok", redis: "ok" },
        }),
      );
      const { status, body } = await call(`${instance.url}/products`, {
        body: { name: "x", price: 1, qty: 1 },
      });
      expect(status).toBe(201);
      await fixture.ways.broker.restore();
      await eventually(() => expect(told.map(({ data }) => data.id)).toContain(body.id));
      await eventually(() => fixture.atRest());
    } finally {
      await instance.stop();
    }
  });

  test("when its port is taken, then it says so and exits with 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await eventually(() => expect(taken.listening).toBe(true));
    const PORT = String((taken.address() as AddressInfo).port);
    const { code, stderr } = await endOf({ ...fixture.environment, PORT });
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toContain("EADDRINUSE");
  });
});

describe("configuration", () => {
  test("when it is missing, then one message names every variable and the exit code is 1", async () => {
    const { code, stderr } = await endOf({});
    expect(code).toBe(1);
    for (const name of ["DATABASE_URL", "REDIS_URL", "RABBITMQ_URL"]) {
      expect(stderr).toMatch(new RegExp(`^ {2}${name}: is missing`, "m"));
    }
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("when it is wrong, then one message names every variable, and no value", async () => {
    const wrong = {
      PORT: "65536",
      NODE_ENV: "testing",
      LOG_LEVEL: "loud",
      LOG_EVENTS: "yes",
      DATABASE_URL: "mysql://user:secret@host/db",
      DATABASE_POOL_SIZE: "1",
      REDIS_URL: "secret",
      RABBITMQ_URL: "http://user:secret@host",
    };
    const { code, stderr } = await endOf(wrong);
    expect(code).toBe(1);
    expect(
      stderr
        .match(/^ {2}[A-Z_]+(?=:)/gm)
        ?.map((name) => name.trim())
        .toSorted(),
    ).toEqual(Object.keys(wrong).toSorted());
    expect(stderr).not.toContain("secret");
  });

  test("when only the URLs are given, then the rest has defaults, and nothing can change it", () => {
    const { DATABASE_URL, REDIS_URL, RABBITMQ_URL } = fixture.environment;
    const config = readProductServiceConfig({ DATABASE_URL, REDIS_URL, RABBITMQ_URL, PORT: "" });
    expect(config).toMatchObject({ PORT: 3001, HOST: "127.0.0.1", NODE_ENV: "production" });
    expect(Object.isFrozen(config)).toBe(true);
  });
});
