import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { eventually } from "@shop/test-support/eventually";
import type { Answer } from "@shop/test-support/http";
import { startTcpProxy } from "@shop/test-support/tcp-proxy";
import { startRedis } from "local-stack/servers/redis";
import { afterEach, describe, expect, test } from "vitest";
import { giveProduct, sendJson, startFakeService } from "./upstream/fake-service.fixture.ts";
import { expectFailure, startFixture, type Fixture } from "./gateway.fixture.ts";
import { cutSlowClients } from "./listener/slow-clients.ts";
import { openRaw, readToEnd, sendRaw } from "@shop/test-support/raw-client";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const start = async (settings: Record<string, string>): Promise<Fixture> => {
  const fixture = await startFixture(settings);
  stops.push(fixture.stop);
  return fixture;
};

/** Answers when it is let to. */
const gated = (): { how: RequestListener; open: () => void } => {
  const gate = Promise.withResolvers<void>();
  return {
    how: (request, response) => void gate.promise.then(() => giveProduct(request, response)),
    open: gate.resolve,
  };
};

describe("the cap of requests in flight", () => {
  test("refuses the excess at once with 503, keeps health readable, and lets in again", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "4" });
    const { how, open } = gated();
    fixture.products.answers(how);
    fixture.orders.answers(how);
    const held = [
      ...Array.from({ length: 3 }, () => fixture.request("/products/26")),
      fixture.request("/orders/product/26"),
    ];
    await eventually(() =>
      expect(fixture.products.seen.length + fixture.orders.seen.length).toBe(4),
    );

    const refused = await fixture.request("/orders/product/26");
    expectFailure(refused, 503, "UNAVAILABLE");
    expect(refused.headers["retry-after"]).toBe("1");
    expect((await fixture.request("/health")).status).toBe(200);
    expect((await fixture.request("/api/v1/health")).status).toBe(200);
    expect(await fixture.metric("requests_shed_total")).toBe(1);

    open();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await fixture.request("/products/26")).status).toBe(200);
    expect(await fixture.metric("requests_in_flight")).toBe(0);
  });

  test("leaves a service that hangs three quarters of the room", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "8" });
    const { how, open } = gated();
    fixture.products.answers(how);
    const held = Array.from({ length: 6 }, () => fixture.request("/products/26"));
    await eventually(() => expect(fixture.products.seen).toHaveLength(6));
    expectFailure(await fixture.request("/products/26"), 503, "UNAVAILABLE");
    expect(await fixture.metric("requests_shed_total")).toBe(1);
    expect((await fixture.request("/orders/product/26")).status).toBe(200);
    open();
    await Promise.all(held);
  });

  // Rates and times under such a load are for the drill of this number: proof/drills/catalogue/overload.ts.
  test("G7: three times the capacity: as many as fit are worked on, the rest is refused meanwhile", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "8", UPSTREAM_DEADLINE_MS: "20000" });
    // Of one service: three quarters of what the gateway takes.
    const capacity = 6;
    const bursts = 10;
    const atWork: (() => void)[] = [];
    fixture.products.answers((request, response) => {
      atWork.push(() => giveProduct(request, response));
    });
    for (let burst = 0; burst < bursts; burst += 1) {
      const answers: Answer[] = [];
      const asking = Array.from({ length: 3 * capacity }, async () => {
        answers.push(await fixture.request("/products/26"));
      });
      await eventually(() => expect(answers).toHaveLength(2 * capacity));
      for (const answer of answers) expectFailure(answer, 503, "UNAVAILABLE");
      await eventually(() => expect(atWork).toHaveLength(capacity));

      for (const finish of atWork.splice(0)) finish();
      await Promise.all(asking);
      const taken = answers.slice(2 * capacity);
      expect(taken.map(({ status }) => status)).toEqual(taken.map(() => 200));
      await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
    }
    expect(await fixture.metric("requests_shed_total")).toBe(bursts * 2 * capacity);
  });
});

describe("G5: slow clients", () => {
  test("a thousand of them hold up nobody", async () => {
    const fixture = await start({});
    const port = Number(new URL(fixture.url).port);
    const slow = await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => undefined);
        await once(socket, "connect");
        socket.write("POST /products HTTP/1.1\r\nHost: shop\r\nContent-Length: 90\r\nX-Slow:");
        return socket;
      }),
    );
    const times: number[] = [];
    for (let at = 0; at < 200; at += 1) {
      for (const socket of slow.slice(at * 5, at * 5 + 5)) socket.write("a");
      const startedAt = performance.now();
      expect((await fixture.request("/products/26")).status).toBe(200);
      times.push(performance.now() - startedAt);
    }
    expect(times.toSorted((a, b) => a - b)[198]).toBeLessThan(500);
    for (const socket of slow) socket.destroy();
  });

  test("bodies that do not end take no place but another body's", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "4" });
    const body = '{"name":"Cup","price":1,"qty":1}';
    const head = `POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
    const slow = await Promise.all([1, 2, 3, 4].map(() => openRaw(fixture.url)));
    for (const socket of slow) socket.write(head + body.slice(0, 10));
    await eventually(async () =>
      expect(await fixture.metric("requests_in_flight", 'phase="receiving"')).toBe(4),
    );

    expect((await fixture.request("/products/26")).status).toBe(200);
    expectFailure(await fixture.request("/products", { body }), 503, "UNAVAILABLE");

    for (const socket of slow) {
      socket.write(body.slice(10));
      expect((await readToEnd(socket)).answers[0]?.status).toBe(200);
    }
    expect((await fixture.request("/products", { body })).status).toBe(200);
    await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
  });

  test("a request without the body that it should have has one place, not two", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "2" });
    const { how, open } = gated();
    fixture.products.answers(how);
    const held = fixture.request("/products/26");
    await eventually(() => expect(fixture.products.seen).toHaveLength(1));
    const answer = await fixture.request("/products", { method: "POST" });
    expectFailure(answer, 400, "VALIDATION_FAILED");
    open();
    await held;
  });

  test("a body that is here when all places are taken is refused then", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "2" });
    const late = await openRaw(fixture.url);
    late.write(
      "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
    );
    await eventually(async () =>
      expect(await fixture.metric("requests_in_flight", 'phase="receiving"')).toBe(1),
    );
    const { how, open } = gated();
    fixture.products.answers(how);
    fixture.orders.answers(how);
    const held = [fixture.request("/products/26"), fixture.request("/orders/product/26")];
    await eventually(async () =>
      expect(await fixture.metric("requests_in_flight", 'phase="working"')).toBe(2),
    );
    late.write("{}");
    expectFailure((await readToEnd(late)).answers[0]!, 503, "UNAVAILABLE");
    open();
    await Promise.all(held);
    await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
  });

  test("files that nobody reads to their end take no place of a request at work", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "4" });
    const slow = await Promise.all([1, 2, 3, 4].map(() => openRaw(fixture.url)));
    for (const [others, socket] of slow.entries()) {
      socket.pause();
      // The buffers on the way take some of them.
      await eventually(async () => {
        socket.write("GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: shop\r\n\r\n");
        const files = await fixture.metric("requests_in_flight", 'phase="sending"');
        expect(files).toBeGreaterThan(others);
      });
    }
    expect((await fixture.request("/products/26")).status).toBe(200);
    for (const socket of slow) socket.destroy();
  });

  test("answers that nobody reads take no place in flight, whatever they are", async () => {
    const fixture = await start({ MAX_IN_FLIGHT: "4" });
    const slow = await openRaw(fixture.url);
    slow.pause();
    // At once, since the gateway reads no more while an answer waits, and more than the buffers on the way take.
    const files = Array.from({ length: 20 }, () => "/docs/swagger-ui-bundle.js");
    const others = ["/x", "/products/26", "/products/x", "/docs", "/x", "/products/26"];
    const heads = [...files, ...others].map((path) => `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`);
    slow.write(heads.join(""));
    await eventually(async () => {
      const sending = await fixture.metric("requests_in_flight", 'phase="sending"');
      expect(sending).toBeGreaterThan(others.length);
      expect(await fixture.metric("requests_in_flight")).toBe(sending);
    });
    expect((await fixture.request("/products/26")).status).toBe(200);
    expect(await fixture.metric("waiting_bytes")).toBeGreaterThan(6 * 8_192);
    slow.destroy();
    await eventually(async () => {
      expect(await fixture.metric("requests_in_flight")).toBe(0);
      expect(await fixture.metric("waiting_bytes")).toBe(0);
    });
  });

  test("32 answers may wait on a connection, and come in order; with one more it is cut, and leaves nothing behind", async () => {
    const fixture = await start({});
    const { how, open } = gated();
    fixture.products.answers(how);
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`;
    const many = await openRaw(fixture.url);
    many.write(get("/products/26") + get("/x").repeat(33));
    expect(await readToEnd(many)).toEqual({ answers: [], rest: "" });
    await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
    expect(await fixture.metric("waiting_bytes")).toBe(0);
    expect(await fixture.metric("connections_cut_total")).toBe(1);

    const few = await openRaw(fixture.url);
    const last = "GET /y HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
    few.write(get("/products/26") + get("/x").repeat(31) + last);
    const reading = readToEnd(few);
    await eventually(async () =>
      expect(await fixture.metric("requests_in_flight", 'phase="sending"')).toBe(32),
    );
    open();
    const statuses = (await reading).answers.map(({ status }) => status);
    expect(statuses).toEqual([200, ...Array.from({ length: 32 }, () => 404)]);
  });

  const begunBody = (sent: number): string =>
    `POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n${" ".repeat(sent)}`;

  test("bodies on their way and unread answers share one limit, and the connections go on which most waits", async () => {
    const fixture = await start({});
    const list = JSON.stringify("n".repeat(900_000));
    fixture.products.answers((request, response) => {
      if (request.url?.startsWith("/products?")) sendJson(response, 200, list);
      else giveProduct(request, response);
    });
    const small = await openRaw(fixture.url);
    const product = '{"name":"Slow","price":1,"qty":1}';
    small.write(
      `POST /products HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${product.length}\r\n\r\n${product.slice(0, 9)}`,
    );
    const bodies = await Promise.all(Array.from({ length: 100 }, () => openRaw(fixture.url)));
    for (const socket of bodies) socket.write(begunBody(99_000));
    await eventually(async () =>
      expect(await fixture.metric("waiting_bytes")).toBeGreaterThan(100 * 99_000),
    );
    const readers = await Promise.all(Array.from({ length: 10 }, () => openRaw(fixture.url)));
    for (const socket of readers) {
      socket.pause();
      socket.write("GET /products?limit=100 HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(15));
    }
    await eventually(async () => {
      expect(await fixture.metric("connections_cut_total")).toBeGreaterThan(0);
      expect(await fixture.metric("requests_in_flight", 'phase="working"')).toBe(0);
    });
    expect(await fixture.metric("waiting_bytes")).toBeLessThanOrEqual(64 * 1_048_576);
    expect(bodies.some(({ closed }) => closed)).toBe(false);
    expect((await fixture.request("/products/26")).status).toBe(200);
    small.write(product.slice(9));
    expect((await readToEnd(small)).answers.map(({ status }) => status)).toEqual([200]);
    for (const socket of [...readers, ...bodies]) socket.destroy();
    await eventually(async () => expect(await fixture.metric("waiting_bytes")).toBe(0));
  });

  test("a body in pieces of a byte takes no more than its bytes", async () => {
    const fixture = await start({});
    const socket = await openRaw(fixture.url);
    socket.write(
      "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    socket.write("1\r\n1\r\n".repeat(50_000));
    await eventually(async () =>
      expect(await fixture.metric("waiting_bytes")).toBeGreaterThanOrEqual(50_000),
    );
    expect(await fixture.metric("waiting_bytes")).toBeLessThanOrEqual(102_400);
    socket.write("0\r\n\r\n");
    await eventually(async () => expect(await fixture.metric("waiting_bytes")).toBe(0));
    socket.destroy();
  });

  test("requests that are left behind make no stacks", async () => {
    const fixture = await start({});
    fixture.products.answers(() => undefined);
    const formatted: string[] = [];
    // oxlint-disable-next-line typescript/unbound-method -- only put back
    const { prepareStackTrace } = Error;
    stops.push(async () => (Error.prepareStackTrace = prepareStackTrace));
    Error.prepareStackTrace = (error, frames) => {
      if (frames.length > 0) formatted.push(`${error.name}: ${error.message}`);
      return "";
    };
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`;
    const half = `POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`;
    for (const bytes of [get("/products/26").repeat(3), get("/products/26-with-orders"), half]) {
      for (const leave of ["destroy", "end"] as const) {
        const socket = await openRaw(fixture.url);
        socket.write(bytes);
        await eventually(async () =>
          expect(await fixture.metric("requests_in_flight")).toBeGreaterThan(0),
        );
        formatted.length = 0;
        socket[leave]();
        await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
        expect(formatted).toEqual([]);
      }
    }
  });

  test("whoever takes too long over an answer is cut off, although it reads a little now and then", async () => {
    const [long, short] = [Buffer.alloc(64 * 1_048_576), Buffer.alloc(1_048_576)];
    const broken = Promise.withResolvers<boolean>();
    const server = createServer((request, response) => {
      const isLong = request.url === "/long";
      if (isLong) response.on("close", () => broken.resolve(!response.writableFinished));
      response.end(isLong ? long : short);
    });
    cutSlowClients(server, 1_000);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    stops.push(async () => server.close().closeAllConnections());

    const url = `http://127.0.0.1:${port}`;
    const slow = await openRaw(url);
    slow.write("GET /long HTTP/1.1\r\nHost: shop\r\n\r\n");
    slow.on("data", () => slow.pause());
    const sips = setInterval(() => slow.resume(), 100);
    expect(await broken.promise).toBe(true);
    clearInterval(sips);
    slow.destroy();
    expect((await (await fetch(`${url}/short`)).arrayBuffer()).byteLength).toBe(short.length);
  });

  test("empty lines between requests keep no connection open, and requests do", async () => {
    const server = createServer({ keepAliveTimeout: 500 }, (request, response) => {
      use(request.socket);
      response.end("ok");
    });
    server.headersTimeout = 500;
    const use = cutSlowClients(server, 30_000);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    stops.push(async () => server.close().closeAllConnections());

    const get = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n";
    const [empty, asking] = [
      await openRaw(`http://127.0.0.1:${port}`),
      await openRaw(`http://127.0.0.1:${port}`),
    ];
    for (const socket of [empty, asking]) socket.resume().write(get);
    const drip = setInterval(() => {
      empty.write("\r\n");
      asking.write(get);
    }, 100);
    await once(empty, "close");
    expect(asking.closed).toBe(false);
    clearInterval(drip);
    asking.destroy();
  });

  test("connections beyond the cap are not taken", async () => {
    const fixture = await start({ MAX_CONNECTIONS: "3" });
    const three = await Promise.all([1, 2, 3].map(() => openRaw(fixture.url)));
    // Each is known to the server once it has answered on it.
    for (const socket of three) {
      socket.write("GET /products/26 HTTP/1.1\r\nHost: shop\r\n\r\n");
      await once(socket, "data");
    }
    expect(await sendRaw(fixture.url, "GET /products/26 HTTP/1.1\r\nHost: shop\r\n\r\n")).toEqual({
      answers: [],
      rest: "",
    });
    for (const socket of three) socket.destroy();
    await eventually(async () => {
      const { answers } = await sendRaw(
        fixture.url,
        "GET /products/26 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
      );
      expect(answers[0]?.status).toBe(200);
    });
  });
});

describe("the rate limit", () => {
  const get = ({ url }: { url: string }, headers: Record<string, string> = {}) =>
    fetch(`${url}/products/26`, { headers });

  test("is off unless it is set", async () => {
    const fixture = await start({});
    for (let at = 0; at < 50; at += 1) expect((await get(fixture)).status).toBe(200);
    expect(
      [...(await get(fixture)).headers.keys()].filter((name) => name.includes("rate")),
    ).toEqual([]);
  });

  test("refuses with 429 and Retry-After what is too much for its window", async () => {
    const fixture = await start({ RATE_LIMIT: "3", RATE_LIMIT_WINDOW_MS: "60000" });
    for (let at = 0; at < 3; at += 1) expect((await get(fixture)).status).toBe(200);
    const refused = await fixture.request("/products/26");
    expectFailure(refused, 429, "RATE_LIMITED");
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(await fixture.metric("requests_limited_total")).toBe(1);
    expect(fixture.products.seen).toHaveLength(3);
  });

  test("lets who is refused go on on the connection, but not when a body is still on its way", async () => {
    const { url } = await start({ RATE_LIMIT: "1", RATE_LIMIT_WINDOW_MS: "60000" });
    const order = (body: string): string =>
      `POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n${body}`;
    const { answers, rest } = await sendRaw(
      url,
      order('{"qty":1}') + order('{"qty":2}') + order('{"qty":3}') + order('{"qty"'),
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 429, 429, 429]);
    const endings = answers.map(({ headers }) => headers["connection"]);
    expect(endings).toEqual(["keep-alive", "keep-alive", "keep-alive", "close"]);
    expect(rest).toBe("");
  });

  test("works on nothing behind a refused request whose body was not asked for", async () => {
    const fixture = await start({ RATE_LIMIT: "1", RATE_LIMIT_WINDOW_MS: "60000" });
    await fixture.request("/products/26");
    const order = `POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 9\r\n`;
    const { answers } = await sendRaw(
      fixture.url,
      `${order}Expect: 100-continue\r\n\r\n{"qty":1}`,
      `GET /health HTTP/1.1\r\nHost: shop\r\n\r\n`,
    );
    expect(answers.map(({ status }) => status)).toEqual([429]);
    expect(answers[0]!.headers["connection"]).toBe("close");
  });

  test("counts by the address that trusted proxies tell, and by nobody else's word", async () => {
    const untrusting = await start({ RATE_LIMIT: "2" });
    const answers = [];
    for (let at = 0; at < 3; at += 1) {
      answers.push((await get(untrusting, { "x-forwarded-for": `10.0.0.${at}` })).status);
    }
    expect(answers).toEqual([200, 200, 429]);

    for (const TRUST_PROXY of ["1", "127.0.0.0/8"]) {
      const trusting = await start({ RATE_LIMIT: "2", TRUST_PROXY });
      const from = async (forwardedFor: string) =>
        (await get(trusting, { "x-forwarded-for": forwardedFor })).status;
      expect([await from("10.0.0.1"), await from("10.0.0.1"), await from("10.0.0.1")]).toEqual([
        200, 200, 429,
      ]);
      expect(await from("10.0.0.2")).toBe(200);
      // Only the last hop was added by a proxy that is trusted; the rest anybody can make up.
      expect(await from("9.9.9.9, 10.0.0.1")).toBe(429);
      expect(trusting.products.seen.at(-1)!.headers["x-forwarded-for"]).toBe("10.0.0.2");
    }
  });

  test("counts a forwarded address without its port, and what is none as the proxy's own", async () => {
    const fixture = await start({ RATE_LIMIT: "2", TRUST_PROXY: "1" });
    const from = async (forwardedFor: string) =>
      (await get(fixture, { "x-forwarded-for": forwardedFor })).status;
    for (const [first, second, third] of [
      ["10.0.0.1:1024", "10.0.0.1:1025", "10.0.0.1"],
      ["[2001:db8::1]:1024", "[2001:db8::1]", "2001:DB8:0::1"],
      ["unknown", "_hidden:7", "10.0.0.300:1"],
    ] as const) {
      expect([await from(first), await from(second), await from(third)]).toEqual([200, 200, 429]);
    }
    const seen = fixture.products.seen.map(({ headers }) => headers["x-forwarded-for"]);
    const [v4, v6, peer] = ["10.0.0.1", "2001:db8::1", "127.0.0.1"];
    expect(seen).toEqual([v4, v4, v6, v6, peer, peer]);

    // Between proxies too: the client is behind the second.
    const chained = await start({ TRUST_PROXY: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32" });
    for (const proxy of ["10.0.0.1:443", "::ffff:10.0.0.1", "[2001:db8::1]:443"]) {
      await get(chained, { "x-forwarded-for": `8.8.8.8, 9.9.9.9:1024, ${proxy}` });
      expect(chained.products.seen.at(-1)!.headers["x-forwarded-for"]).toBe("9.9.9.9");
    }
  });

  test("is shared by several gateways in a Redis, and fails open without it", async () => {
    const redis = await startRedis({ name: "rate-redis" });
    stops.push(() => redis.stop());
    const way = await startTcpProxy(redis.url);
    stops.push(() => way.stop());
    const fixture = await start({ RATE_LIMIT: "4", RATE_LIMIT_REDIS_URL: way.through(redis.url) });
    const other = await fixture.startAnother();
    stops.push(() => other.stop());
    const health = async () => (await fixture.request("/health")).body.data;
    await eventually(async () => {
      expect(await health()).toMatchObject({ checks: { "rate-limit-redis": "ok" } });
    });

    await eventually(async () => {
      const statuses = [];
      for (const one of [fixture, other, fixture, other, fixture, other]) {
        statuses.push((await get(one)).status);
      }
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
    });

    await way.cut();
    await eventually(async () => expect((await get(fixture)).status).toBe(200));
    for (let at = 0; at < 10; at += 1) expect((await get(fixture)).status).toBe(200);
    await eventually(async () => {
      expect(await health()).toMatchObject({
        status: "degraded",
        checks: { "rate-limit-redis": "degraded", "product-service": "ok" },
      });
    });

    await way.restore();
    await eventually(async () => expect((await get(fixture)).status).toBe(429));
  });

  test("starts without its Redis, and uses it when it comes", async () => {
    const redis = await startRedis({ name: "late-redis" });
    stops.push(() => redis.stop());
    const way = await startTcpProxy(redis.url);
    stops.push(() => way.stop());
    await way.cut();
    const fixture = await start({ RATE_LIMIT: "2", RATE_LIMIT_REDIS_URL: way.through(redis.url) });
    for (let at = 0; at < 5; at += 1) expect((await get(fixture)).status).toBe(200);
    await way.restore();
    await eventually(async () => expect((await get(fixture)).status).toBe(429));
  });
});

describe("CORS", () => {
  const ask = (fixture: Fixture, headers: Record<string, string>, method = "GET") =>
    fixture.request("/products/26", { method, headers });

  test("is not there unless it is set", async () => {
    const fixture = await start({});
    const { headers } = await ask(fixture, { origin: "https://shop.example" });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("lets the pages of the given origins read, and no others", async () => {
    const fixture = await start({
      CORS_ORIGINS: "https://shop.example,https://admin.shop.example",
    });
    for (const origin of ["https://shop.example", "https://admin.shop.example"]) {
      expect((await ask(fixture, { origin })).headers).toMatchObject({
        "access-control-allow-origin": origin,
        vary: "origin",
      });
    }
    for (const origin of ["https://evil.example", "https://shop.example.evil", "null"]) {
      const { headers } = await ask(fixture, { origin });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
      expect(headers["vary"]).toBe("origin");
    }
    const failed = await fixture.request("/products/x", {
      headers: { origin: "https://shop.example" },
    });
    expect(failed.headers["access-control-allow-origin"]).toBe("https://shop.example");
  });

  test.each([
    ["a bad path", "GET /products/%2e%2e HTTP/1.1\r\nHost: shop\r\n"],
    ["two hosts", "GET /products/26 HTTP/1.1\r\nHost: shop\r\nHost: other\r\n"],
    ["a preflight of a bad path", "OPTIONS //products HTTP/1.1\r\nHost: shop\r\n"],
  ])("%s is refused where a page can read it, and with the security headers", async (_, head) => {
    const fixture = await start({ CORS_ORIGINS: "https://shop.example" });
    const { answers } = await sendRaw(
      fixture.url,
      `${head}Origin: https://shop.example\r\nConnection: close\r\n\r\n`,
    );
    expectFailure(answers[0]!, 400, "BAD_REQUEST");
    expect(answers[0]!.headers).toMatchObject({
      "access-control-allow-origin": "https://shop.example",
      vary: "origin",
      "x-content-type-options": "nosniff",
    });
  });

  test("answers a browser's question", async () => {
    const fixture = await start({ CORS_ORIGINS: "*" });
    const asked = {
      origin: "https://anywhere.example",
      "access-control-request-method": "PUT",
      "access-control-request-headers": "content-type,if-match",
    };
    const { status, headers, text } = await ask(fixture, asked, "OPTIONS");
    expect({ status, text }).toEqual({ status: 204, text: "" });
    expect(headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, PUT, DELETE, HEAD, OPTIONS",
      allow: "GET, PUT, DELETE, HEAD, OPTIONS",
    });
    expect(headers["access-control-allow-headers"]).toContain("if-match");
    expect(headers).not.toHaveProperty("access-control-allow-credentials");
  });
});

test("the first byte of a request that no gateway takes does not end it", async () => {
  const service = await startFakeService();
  stops.push(service.stop);
  const fixture = await start({ PRODUCT_SERVICE_URLS: service.url });
  const socket = await openRaw(fixture.url);
  socket.write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  expect((await readToEnd(socket)).answers[0]).toMatchObject({ status: 400, text: "" });
  expect((await fixture.request("/products/26")).status).toBe(200);
});
