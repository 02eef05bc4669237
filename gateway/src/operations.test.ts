import { once } from "node:events";
import { beBusy } from "@shop/test-support/be-busy";
import { call } from "@shop/test-support/http";
import { eventually } from "@shop/test-support/eventually";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLogger, type Logger } from "@shop/service-kit/log/logger";
import { pino } from "pino";
import supertest from "supertest";
import { readGatewayConfig } from "./config.ts";
import { createMetrics } from "./observe/metrics.ts";
import { buildPipeline } from "./pipeline.ts";
import { WaitingBytes } from "./listener/waiting-bytes.ts";
import type { AnswerOptions } from "./steps/answer-route.ts";
import { giveProduct, sendJson } from "./upstream/fake-service.fixture.ts";
import { expectEnvelope, expectFailure, startForTest, type Fixture } from "./gateway.fixture.ts";
import { openRaw, readToEnd } from "@shop/test-support/raw-client";
import { SERVICES } from "./services.ts";
import { connectUpstreams } from "./upstream/instances.ts";
import { createProxy } from "./upstream/proxy.ts";

describe("GET /health", () => {
  test("is ok when all services are ready", async () => {
    const fixture = await startForTest();
    for (const path of ["/health", "/api/v1/health"]) {
      const answer = await fixture.request(path);
      expectEnvelope(answer);
      expect(answer.body.data).toEqual({
        status: "ok",
        checks: Object.fromEntries(Object.keys(SERVICES).map((name) => [name, "ok"])),
      });
    }
    expect((await fixture.request("/health", { method: "HEAD" })).status).toBe(200);
  });

  test("is degraded, and 200, when a service is", async () => {
    const fixture = await startForTest();
    fixture.orders.isReady((_request, response) => {
      sendJson(response, 200, '{"status":"degraded","checks":{"broker":"degraded"}}');
    });
    const answer = await fixture.request("/health");
    expect(answer).toMatchObject({
      status: 200,
      body: { data: { status: "degraded", checks: { "order-service": "degraded" } } },
    });
  });

  test("is 503 and names the service that is not ready, hangs or can't be reached", async () => {
    const fixture = await startForTest();
    const notReady = async (): Promise<void> => {
      const answer = await fixture.request("/health");
      expectFailure(answer, 503, "UNAVAILABLE");
      expect(answer.headers["retry-after"]).toBe("1");
      expect(answer.body.error.details).toEqual([
        { path: "order-service", message: "is not ready" },
      ]);
    };
    fixture.orders.isReady((_request, response) => sendJson(response, 503, '{"status":"down"}'));
    await eventually(notReady);
    fixture.orders.isReady(() => undefined);
    await notReady();
    await fixture.orders.stop();
    await notReady();
    await fixture.orders.start();
    fixture.orders.isReady((_request, response) => sendJson(response, 200, '{"status":"ok"}'));
    await eventually(async () => expect((await fixture.request("/health")).status).toBe(200));
  });

  test("asks the services once for several requests in a row", async () => {
    const fixture = await startForTest();
    let asked = 0;
    fixture.products.isReady((_request, response) => {
      asked += 1;
      sendJson(response, 200, '{"status":"ok"}');
    });
    await Promise.all(Array.from({ length: 100 }, () => fixture.request("/health")));
    expect(asked).toBeLessThan(10);
  });

  test("is ok while calls to a service take all the connections that the BFF has", async () => {
    const fixture = await startForTest({ BFF_DEADLINE_MS: "20000" });
    fixture.orders.answers(() => undefined);
    // No more than 32 answers may wait on each.
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openRaw(fixture.url)));
    for (const socket of sockets) {
      socket.write("GET /products/26-with-orders HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(30));
    }
    await eventually(() => expect(fixture.orders.seen).toHaveLength(256));
    expect((await fixture.request("/health")).body.data).toMatchObject({ status: "ok" });
    for (const socket of sockets) socket.destroy();
  });

  test("is ok with one ready instance of several", async () => {
    const fixture = await startForTest();
    const gateway = await fixture.startAnother({
      PRODUCT_SERVICE_URLS: `${fixture.products.url},http://127.0.0.1:9`,
    });
    onTestFinished(() => gateway.stop());
    expect((await call(`${gateway.url}/health`)).body.data).toMatchObject({
      status: "degraded",
      checks: { "product-service": "degraded", "order-service": "ok" },
    });
  });
});

describe("the admin port", () => {
  test("has metrics by route and status, of services, and of what was refused", async () => {
    const fixture = await startForTest();
    await fixture.request("/products/26");
    await fixture.request("/products/27");
    await fixture.request("/products/x");
    await fixture.request("/nowhere");
    const count = (...labels: string[]) => fixture.metric("http_request_seconds_count", ...labels);
    await eventually(async () => expect(await count('route="none"', 'status="404"')).toBe(1));
    expect(await count('method="GET"', 'route="/products/:id"', 'status="200"')).toBe(2);
    expect(await count('route="/products/:id"', 'status="400"')).toBe(1);
    const calls = ["upstream_request_seconds_count", 'service="product-service"'] as const;
    expect(await fixture.metric(...calls, 'outcome="answered"')).toBe(2);
    const { text, headers } = await call(`${fixture.adminUrl}/metrics`);
    expect(headers["content-type"]).toContain("text/plain");
    for (const name of [
      "requests_shed_total 0",
      "requests_limited_total 0",
      "upstream_breaker_state{",
      "requests_in_flight",
      "nodejs_eventloop_lag_seconds",
    ]) {
      expect(text).toContain(name);
    }
  });

  test("answers liveness, and nothing else", async () => {
    const { adminUrl } = await startForTest();
    expect((await call(`${adminUrl}/health/live`)).status).toBe(200);
    expect((await call(`${adminUrl}/products/26`)).status).toBe(404);
  });
});

describe("the log", () => {
  const lineOf = ({ log }: Fixture, id: string) =>
    log.lines.find(({ requestId }) => requestId === id);

  test.each([
    ["false", "debug"],
    ["true", "info"],
  ])("with LOG_EVENTS=%s has each request at %s, without its query", async (LOG_EVENTS, level) => {
    const fixture = await startForTest({ LOG_EVENTS });
    const headers = { "x-request-id": "logged", cookie: "secret", "x-forwarded-for": "6.6.6.6" };
    await fixture.request("/products?limit=5&cursor=c2VjcmV0", { headers });
    await eventually(() => expect(lineOf(fixture, "logged")).toBeDefined());
    const { time: _time, ms: _ms, ...line } = lineOf(fixture, "logged")!;
    expect(line).toEqual({
      level,
      service: "gateway",
      event: "request",
      requestId: "logged",
      method: "GET",
      path: "/products",
      route: "/products",
      status: 200,
      msg: "answered",
    });
  });

  test("has slow requests at warn", async () => {
    const fixture = await startForTest({ SLOW_REQUEST_MS: "1" });
    fixture.products.answers((request, response) => {
      setTimeout(() => giveProduct(request, response), 5);
    });
    await fixture.request("/products/26", { headers: { "x-request-id": "slow" } });
    await eventually(() =>
      expect(lineOf(fixture, "slow")).toMatchObject({ level: "warn", status: 200 }),
    );
  });

  test("warns when authentication is off", async () => {
    const fixture = await startForTest();
    expect(fixture.log.lines).toContainEqual(
      expect.objectContaining({ level: "warn", msg: expect.stringMatching(/^AUTH=off/) }),
    );
  });
});

describe("a stop", () => {
  test("finishes what is in flight, and closes the rest", async () => {
    const fixture = await startForTest();
    const gate = Promise.withResolvers<void>();
    fixture.products.answers((request, response) => {
      void gate.promise.then(() => giveProduct(request, response));
    });
    const idle = await openRaw(fixture.url);
    const used = await openRaw(fixture.url);
    used.write("GET /orders/product/26 HTTP/1.1\r\nHost: shop\r\n\r\n");
    await once(used, "data");
    const inFlight = fixture.request("/products/26");
    await eventually(() => expect(fixture.products.seen).toHaveLength(1));

    const stopped = fixture.gateway.stop();
    // Not ready at once, and clients that are still there are asked to leave.
    used.write("GET /health HTTP/1.1\r\nHost: shop\r\n\r\n");
    const { answers } = await readToEnd(used);
    expectFailure(answers[0]!, 503, "UNAVAILABLE");
    expect(answers[0]!.headers["connection"]).toBe("close");

    gate.resolve();
    expect((await inFlight).status).toBe(200);
    await readToEnd(idle);
    await stopped;
    await expect(fetch(fixture.url)).rejects.toThrow("fetch failed");
    await expect(fetch(fixture.adminUrl)).rejects.toThrow("fetch failed");
    await eventually(() => expect(fixture.products.sockets.size).toBe(0));
  });

  test("answers requests that arrive on an idle connection before it closes these", async () => {
    const fixture = await startForTest();
    const client = await openRaw(fixture.url);
    const bytes = "GET /products/26 HTTP/1.1\r\nHost: shop\r\n\r\n";
    client.write(bytes);
    await once(client, "data");
    const stopped = fixture.gateway.stop();
    // Until the time for clients to leave is over: after what is read in a turn, and before what was to be done by then.
    const ask = (): void => {
      client.write(bytes);
      beBusy(300);
    };
    setTimeout(() => setImmediate(ask), 150);
    const { answers } = await readToEnd(client);
    expect(answers).toMatchObject([{ status: 200, headers: { connection: "close" } }]);
    await stopped;
  });

  test("that is asked for twice happens once", async () => {
    const fixture = await startForTest();
    expect(fixture.gateway.stop()).toBe(fixture.gateway.stop());
    await fixture.gateway.stop();
  });
});

describe("a bug", () => {
  test("is 500, tells the client nothing and the log everything", async () => {
    const fixture = await startForTest();
    const log = createLogger({ name: "gateway", level: "debug" }, fixture.log.destination);
    const readHealth = () => Promise.reject(new TypeError(`secret of ${fixture.products.url}`));
    const app = pipelineWith({ log, readHealth });
    const { status, headers, text } = await supertest(app)
      .get("/health")
      .set("x-request-id", "a-bug");
    expectFailure({ status, headers, text }, 500, "INTERNAL");
    expect(text).not.toContain("secret");
    expect(fixture.log.lines.find(({ requestId }) => requestId === "a-bug")).toMatchObject({
      level: "error",
      err: { type: "TypeError", stack: expect.stringContaining("operations.test") },
    });
  });

  test.each(["/products/26", "/products/26-with-orders"])(
    "in a call to a service (%s) is no failure of that service",
    async (path) => {
      const fixture = await startForTest();
      const log = createLogger({ name: "gateway", level: "debug" }, fixture.log.destination);
      const upstreams = connectUpstreams(readGatewayConfig(fixture.environment), {
        log,
        metrics: createMetrics(),
      });
      onTestFinished(async () => {
        for (const upstream of Object.values(upstreams)) await upstream.close();
      });
      const headersFor = () => ({ "x-odd": "two\nlines" });
      const proxy = createProxy({ upstreams, headersFor, deadlineMs: 5_000 });
      const app = pipelineWith({ log, upstreams, headersFor, proxy });
      for (let count = 0; count < 10; count += 1) {
        const { status, headers, text } = await supertest(app)
          .get(path)
          .set("x-request-id", "a-bug");
        expectFailure({ status, headers, text }, 500, "INTERNAL");
      }
      expect(fixture.log.lines.find(({ requestId }) => requestId === "a-bug")).toMatchObject({
        level: "error",
        err: { stack: expect.stringContaining("x-odd") },
      });
      const { breaker } = upstreams["product-service"].instances[0]!;
      expect(breaker.state).toBe("closed");
    },
  );
});

/** One that listens nowhere, with what a test puts in. */
function pipelineWith({ log, ...answers }: { log: Logger } & Partial<AnswerOptions>) {
  return buildPipeline({
    errors: { log, onShed: () => undefined },
    trustedProxies: 0,
    accessLog: {
      log: pino({ level: "silent" }),
      everyRequest: false,
      slowMs: 1,
      observe: () => undefined,
    },
    isStopping: () => false,
    corsOrigins: undefined,
    shedding: { inFlight: { receiving: 0, working: 0, sending: 0 }, most: 1 },
    waiting: new WaitingBytes(1_000, () => undefined),
    rateLimit: undefined,
    tokens: undefined,
    answers: {
      upstreams: {} as AnswerOptions["upstreams"],
      proxy: () => undefined,
      deadlineMs: 5_000,
      headersFor: () => ({}),
      onMissing: () => undefined,
      log,
      files: new Map(),
      readHealth: () => Promise.reject(new Error("not asked here")),
      ...answers,
    },
  });
}
