import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { eventually } from "@shop/test-support/eventually";
import type { Answer } from "@shop/test-support/http";
import { describe, expect, onTestFinished, test } from "vitest";
import { openRaw, readToEnd, sendRaw } from "@shop/test-support/raw-client";
import { giveProduct, sendJson } from "./upstream/fake-service.fixture.ts";
import { expectFailure, startForTest } from "./gateway.fixture.ts";
import { cutSlowClients } from "./listener/slow-clients.ts";

/** Answers when it is let to. */
const gated = (): { how: RequestListener; open: () => void } => {
  const gate = Promise.withResolvers<void>();
  return {
    how: (request, response) => void gate.promise.then(() => giveProduct(request, response)),
    open: gate.resolve,
  };
};

describe("the cap of requests in flight", () => {
  test("refuses the excess at once with 503, keeps health readable, and accepts requests again", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "4" });
    const { how, open } = gated();
    fixture.products.answers(how);
    fixture.orders.answers(how);
    const waiting = [
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
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await fixture.request("/products/26")).status).toBe(200);
    expect(await fixture.metric("requests_in_flight")).toBe(0);
  });

  test("gives a service that hangs three quarters of the room at most", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "8" });
    const { how, open } = gated();
    fixture.products.answers(how);
    const waiting = Array.from({ length: 6 }, () => fixture.request("/products/26"));
    await eventually(() => expect(fixture.products.seen).toHaveLength(6));
    expectFailure(await fixture.request("/products/26"), 503, "UNAVAILABLE");
    expect(await fixture.metric("requests_shed_total")).toBe(1);
    expect((await fixture.request("/orders/product/26")).status).toBe(200);
    open();
    await Promise.all(waiting);
  });

  // Rates and times under such a load are for the drill of this number: proof/drills/catalogue/overload.ts.
  test("G7: at three times the capacity works on as many as fit, and refuses the rest meanwhile", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "8", UPSTREAM_DEADLINE_MS: "20000" });
    // Of one service: three quarters of what the gateway takes.
    const capacity = 6;
    const bursts = 10;
    const working: (() => void)[] = [];
    fixture.products.answers((request, response) => {
      working.push(() => giveProduct(request, response));
    });
    for (let burst = 0; burst < bursts; burst += 1) {
      const answers: Answer[] = [];
      const asking = Array.from({ length: 3 * capacity }, async () => {
        answers.push(await fixture.request("/products/26"));
      });
      await eventually(() => expect(answers).toHaveLength(2 * capacity));
      for (const answer of answers) expectFailure(answer, 503, "UNAVAILABLE");
      await eventually(() => expect(working).toHaveLength(capacity));

      for (const finish of working.splice(0)) finish();
      await Promise.all(asking);
      const taken = answers.slice(2 * capacity);
      expect(taken.map(({ status }) => status)).toEqual(taken.map(() => 200));
      await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
    }
    expect(await fixture.metric("requests_shed_total")).toBe(bursts * 2 * capacity);
  });
});

describe("G5: slow clients", () => {
  test("do not delay others, a thousand of them either", async () => {
    const fixture = await startForTest({});
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

  test("whose bodies do not end take only the places of other bodies", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "4" });
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

  test("take one place, not two, for a request without the body that it should have", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "2" });
    const { how, open } = gated();
    fixture.products.answers(how);
    const waiting = fixture.request("/products/26");
    await eventually(() => expect(fixture.products.seen).toHaveLength(1));
    const answer = await fixture.request("/products", { method: "POST" });
    expectFailure(answer, 400, "VALIDATION_FAILED");
    open();
    await waiting;
  });

  test("are refused when their body is whole but all places are taken", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "2" });
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
    const waiting = [fixture.request("/products/26"), fixture.request("/orders/product/26")];
    await eventually(async () =>
      expect(await fixture.metric("requests_in_flight", 'phase="working"')).toBe(2),
    );
    late.write("{}");
    expectFailure((await readToEnd(late)).answers[0]!, 503, "UNAVAILABLE");
    open();
    await Promise.all(waiting);
    await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
  });

  test("that do not read their answers, files or not, take no place in flight", async () => {
    const fixture = await startForTest({ MAX_IN_FLIGHT: "4" });
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

  test("get 32 pipelined answers in order; with one more the connection is cut, and leaves nothing behind", async () => {
    const fixture = await startForTest({});
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

  test("share one limit of bytes, sent or unread, and the connections are cut on which most waits", async () => {
    const fixture = await startForTest({ UPSTREAM_DEADLINE_MS: "25000" });
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

  test("that send single bytes take no more memory than these bytes", async () => {
    const fixture = await startForTest({});
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

  test("that leave make no stack traces", async () => {
    const fixture = await startForTest({});
    fixture.products.answers(() => undefined);
    const formatted: string[] = [];
    // oxlint-disable-next-line typescript/unbound-method -- only put back
    const { prepareStackTrace } = Error;
    onTestFinished(() => {
      Error.prepareStackTrace = prepareStackTrace;
    });
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

  test("that take too long over an answer are cut, although they read a little now and then", async () => {
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
    onTestFinished(async () => server.close().closeAllConnections());

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

  test("do not keep a connection open by empty lines between requests, but by requests", async () => {
    const server = createServer({ keepAliveTimeout: 500 }, (request, response) => {
      use(request.socket);
      response.end("ok");
    });
    server.headersTimeout = 500;
    const use = cutSlowClients(server, 30_000);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    onTestFinished(async () => server.close().closeAllConnections());

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

  test("beyond the cap of connections are not accepted", async () => {
    const fixture = await startForTest({ MAX_CONNECTIONS: "3" });
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

test("a TLS handshake gets the plain 400 and does not end the gateway", async () => {
  const fixture = await startForTest({});
  const socket = await openRaw(fixture.url);
  socket.write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  expect((await readToEnd(socket)).answers[0]).toMatchObject({ status: 400, text: "" });
  expect((await fixture.request("/products/26")).status).toBe(200);
});
