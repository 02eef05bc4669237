import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { startService } from "@shop/service-kit/start-service";
import { captureLog } from "@shop/test-support/log-capture";
import { startServiceProcess } from "@shop/test-support/service-process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AppModule, orderSchema } from "./app.module.ts";
import { readOrderServiceConfig } from "./config.ts";
import { startServers } from "./order-service.fixture.ts";

let servers: Awaited<ReturnType<typeof startServers>>;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.stop());

const start = (more: Record<string, string> = {}, log = captureLog()) => {
  const config = readOrderServiceConfig({ ...servers.environment, ...more });
  return startService(AppModule.forRoot(config, { logDestination: log.destination }), config);
};

const health = async (url: string) => (await call(`${url}/health/ready`)).body;

const ready = (url: string): Promise<void> =>
  eventually(async () => expect((await health(url)).status).toBe("ok"));

const place = (url: string, productId: number, requestId = "place") =>
  call(`${url}/orders`, { body: { productId, qty: 1 }, headers: { "x-request-id": requestId } });

const outbox = () => servers.sql<{ subject: string }>("SELECT subject FROM outbox");

describe("a start", () => {
  test("without the broker: every order is taken, the outbox keeps its event and is drained later", async () => {
    const told = await servers.broker.receive("order.created");
    const { id: productId } = servers.products.put();
    await servers.ways.broker.cut();
    const service = await start();
    try {
      await eventually(async () =>
        expect(await health(service.url)).toEqual({
          status: "degraded",
          checks: { database: "ok", broker: "degraded", consumers: "degraded", redis: "ok" },
        }),
      );
      expect((await call(`${service.url}/health/ready`)).status).toBe(200);
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => place(service.url, productId)),
      );
      expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
      expect((await outbox()).map(({ subject }) => subject).toSorted()).toEqual(
        answers.map(({ body }) => String(body.id)).toSorted(),
      );
      await servers.ways.broker.restore();
      await ready(service.url);
      await eventually(async () => {
        expect(told.map(({ data }) => data)).toEqual(
          expect.arrayContaining(answers.map(({ body }) => body)),
        );
        expect(await outbox()).toEqual([]);
      });
    } finally {
      await service.stop();
    }
  });

  test("without the database: it says so, refuses with 503, and works when it comes", async () => {
    const { id: productId } = servers.products.put();
    await servers.ways.database.cut();
    const service = await start();
    try {
      expect((await call(`${service.url}/health/live`)).status).toBe(200);
      const answer = await call(`${service.url}/health/ready`);
      expect(answer).toMatchObject({ status: 503, body: { checks: { database: "down" } } });
      expect(await place(service.url, productId)).toMatchObject({
        status: 503,
        headers: { "retry-after": expect.any(String) },
        body: { code: "UNAVAILABLE" },
      });
      await servers.ways.database.restore();
      await ready(service.url);
      expect((await place(service.url, productId)).status).toBe(201);
    } finally {
      await service.stop();
    }
  });

  test("without Redis: it works, and says what it goes without", async () => {
    const { id: productId } = servers.products.put();
    await servers.redis.kill();
    const service = await start();
    try {
      await eventually(async () =>
        expect(await health(service.url)).toMatchObject({
          status: "degraded",
          checks: { database: "ok", redis: "degraded" },
        }),
      );
      expect((await place(service.url, productId)).status).toBe(201);
      await servers.redis.restart();
      await ready(service.url);
    } finally {
      await service.stop();
    }
  });

  test("that is stopped before it got ready is over soon", async () => {
    for (let n = 0; n < 5; n += 1) {
      const service = await start();
      const startedAt = performance.now();
      await service.stop();
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
  });

  test("of two instances on an empty database migrates it once", async () => {
    await servers.sql("DROP TABLE orders, idempotency_keys, outbox, migrations");
    const services = await Promise.all([start(), start()]);
    await Promise.all(services.map(({ url }) => ready(url)));
    expect(await servers.sql("SELECT name FROM migrations")).toHaveLength(
      orderSchema.migrations.length,
    );
    const { id: productId } = servers.products.put();
    for (const { url } of services) expect((await place(url, productId)).status).toBe(201);
    await Promise.all(services.map((service) => service.stop()));
  });
});

describe("the log", () => {
  const lines = (log: ReturnType<typeof captureLog>, requestId: string) =>
    log.lines
      .filter((line) => line.requestId === requestId && line["event"] !== undefined)
      .map(({ level, msg, event }) => `${level} ${msg} ${String(event)}`);

  test.each([
    ["true", "info"],
    ["false", "debug"],
  ])(
    "with LOG_EVENTS=%s has a line at %s for each event published and taken",
    async (on, level) => {
      const log = captureLog();
      const service = await start({ LOG_EVENTS: on }, log);
      try {
        await ready(service.url);
        const { id: productId } = servers.products.put();
        const requestId = `logged-${level}`;
        const { body: order } = await place(service.url, productId, requestId);
        await eventually(() => expect(lines(log, requestId)).toHaveLength(1));
        await servers.broker.publish(
          "order.updated",
          {
            orderId: order.id,
            productId,
            status: "done",
            reason: null,
            decidedAt: new Date().toISOString(),
          },
          { requestId },
        );
        await servers.broker.publish("product.updated", servers.products.put({ id: productId }), {
          requestId,
        });
        await eventually(() => expect(lines(log, requestId)).toHaveLength(3));
        expect(lines(log, requestId).toSorted()).toEqual([
          `${level} event consumed order.updated`,
          `${level} event consumed product.updated`,
          `${level} event published order.created`,
        ]);
      } finally {
        await service.stop();
      }
    },
  );
});

describe("the program", () => {
  const run = async (environment: Record<string, string>) => {
    const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
    const child = spawn(process.execPath, [program], { env: environment });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, output };
  };

  test("without configuration names all that is missing and exits with 1", async () => {
    const { code, output } = await run({});
    expect(code).toBe(1);
    for (const name of ["DATABASE_URL", "REDIS_URL", "RABBITMQ_URL", "PRODUCT_SERVICE_URLS"])
      expect(output).toMatch(new RegExp(`${name}: is missing`));
    expect(output).not.toMatch(/^\s+at /m);
  });

  test("with bad configuration names all that is wrong at once, shows no value and exits with 1", async () => {
    const { code, output } = await run({
      ...servers.environment,
      DATABASE_URL: "mysql://user:secret@host/db",
      PRODUCT_SERVICE_URLS: "localhost:3001",
      PORT: "70000",
      RECONCILE_AFTER_MS: "1.5",
      RECONCILE_EVERY_MS: "-1",
      IDEMPOTENCY_KEEP_MS: "1000",
      LOG_EVENTS: "yes",
      LOG_LEVEL: "loud",
      DATABASE_POOL_SIZE: "0",
    });
    expect(code).toBe(1);
    const named = output.match(/^ {2}[A-Z_]+(?=:)/gm)?.map((name) => name.trim());
    expect(named?.toSorted()).toEqual([
      "DATABASE_POOL_SIZE",
      "DATABASE_URL",
      "IDEMPOTENCY_KEEP_MS",
      "LOG_EVENTS",
      "LOG_LEVEL",
      "PORT",
      "PRODUCT_SERVICE_URLS",
      "RECONCILE_AFTER_MS",
      "RECONCILE_EVERY_MS",
    ]);
    expect(output).not.toContain("secret");
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "at %s finishes what is in flight, exits with 0 within 10 seconds, and loses nothing",
    async (signal) => {
      const told = await servers.broker.receive("order.created");
      const { id: productId } = servers.products.put();
      const program = await startServiceProcess("order-service", servers.environment);
      await ready(program.url);
      const placed: string[] = [];
      const others: number[] = [];
      const stopping = new AbortController();
      const buyers = Array.from({ length: 20 }, async () => {
        while (!stopping.signal.aborted) {
          // Refused connections are what a client sees of a program that has ended.
          const answer = await place(program.url, productId).catch(() => undefined);
          if (!answer) return;
          if (answer.status === 201) placed.push(answer.body.id);
          else others.push(answer.status);
        }
      });
      await eventually(() => expect(placed.length).toBeGreaterThan(200));
      const startedAt = performance.now();
      const code = await program.end(signal);
      const tookMs = performance.now() - startedAt;
      stopping.abort();
      await Promise.all(buyers);

      expect(code).toBe(0);
      expect(tookMs).toBeLessThan(10_000);
      expect(others).toEqual([]);
      const rows = await servers.sql<{ id: string }>(
        "SELECT id FROM orders WHERE product_id = $1",
        [productId],
      );
      const committed = new Set(rows.map(({ id }) => id));
      expect(placed.filter((id) => !committed.has(id))).toEqual([]);
      const waiting = new Set((await outbox()).map(({ subject }) => subject));
      await eventually(() => {
        const known = new Set([...waiting, ...told.map(({ data }) => data.id)]);
        expect([...committed].filter((id) => !known.has(id))).toEqual([]);
      });
    },
  );
});
