import type { RequestListener } from "node:http";
import { ERROR_CODES } from "@shop/contracts/errors";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { PRODUCT, PRODUCT_TEXT, giveProduct, sendJson } from "./fake-service.fixture.ts";
import { expectEnvelope, expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";
import { openRaw, sendRaw } from "@shop/test-support/raw-client";

const DEADLINE_MS = 300;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture({ UPSTREAM_DEADLINE_MS: String(DEADLINE_MS) });
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  fixture.products.reset();
  fixture.orders.reset();
  // What one test broke is not another's: until the breaker lets requests through again.
  await eventually(async () => expect((await fixture.request("/products/26")).status).toBe(200));
  fixture.products.seen.length = 0;
});

const post = (headers: Record<string, string> = {}) =>
  fixture.request("/products", { body: { name: "Cup", price: 1, qty: 1 }, headers });

const answering =
  (status: number, text: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    sendJson(response, status, text, headers);

const contractError = (code: string): string =>
  JSON.stringify({ code, message: "from the service", details: [] });

describe("a service's answer", () => {
  test("puts the answer into the envelope, byte for byte", async () => {
    const odd = '{ "id" : 26.0, "name":"Gr\\u00f6\\u00dfe 🙂","a":1,"a":2 }';
    fixture.products.answers(answering(200, odd));
    const answer = await fixture.request("/products/26");
    expectEnvelope(answer);
    expect(answer.text).toContain(`{"success":true,"data":${odd},"meta":{`);
    expect(answer.headers["content-length"]).toBe(String(Buffer.byteLength(answer.text)));
  });

  test.each([1_000, 1_048_576])(
    "passes on %i bytes whole, whether the service gives their length or not",
    async (bytes) => {
      const text = JSON.stringify("ü".repeat(bytes / 2 - 1));
      fixture.products.answers(answering(200, text));
      const sized = await fixture.request("/products/26");
      expect(sized.headers["content-length"]).toBe(String(Buffer.byteLength(sized.text)));

      fixture.products.answers((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write(text.slice(0, 10));
        response.end(text.slice(10));
      });
      const chunked = await fixture.request("/products/26");
      for (const answer of [sized, chunked]) {
        expectEnvelope(answer);
        expect(JSON.stringify(answer.body.data)).toBe(text);
      }
    },
  );

  test("answers HEAD as GET without the body", async () => {
    const get = await fixture.request("/products/26");
    const head = await fixture.request("/products/26", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, text: "" });
    for (const name of ["content-length", "content-type", "etag"]) {
      expect(head.headers[name]).toBe(get.headers[name]);
    }
    fixture.products.answers(answering(404, contractError("PRODUCT_NOT_FOUND")));
    expect(await fixture.request("/products/26", { method: "HEAD" })).toMatchObject({
      status: 404,
      text: "",
    });
  });

  test.each([204, 304])(
    "passes on %i without a body, on a connection that stays usable",
    async (status) => {
      fixture.products.answers((_request, response) => {
        response.writeHead(status, { etag: '"3"' }).end();
      });
      const { answers, rest } = await sendRaw(
        fixture.url,
        "GET /products/26 HTTP/1.1\r\nHost: shop\r\n\r\n",
        "GET /products/26 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
      );
      expect(answers).toHaveLength(2);
      expect(rest).toBe("");
      for (const { status: given, headers, text } of answers) {
        expect({ given, text }).toEqual({ given: status, text: "" });
        expect(headers).toMatchObject({ etag: '"3"', "x-request-id": expect.any(String) });
        expect(headers).not.toHaveProperty("content-type");
      }
    },
  );

  test("takes the first of a header that comes twice", async () => {
    fixture.products.answers((_request, response) => {
      const type = "application/json; charset=utf-8";
      response
        .writeHead(200, [
          "Content-Type",
          type,
          "Content-Type",
          "text/plain",
          "ETag",
          '"3"',
          "ETag",
          '"4"',
        ])
        .end(PRODUCT_TEXT);
    });
    const answer = await fixture.request("/products/26");
    expectEnvelope(answer);
    expect(answer.headers["etag"]).toBe('"3"');
  });

  test("waits for the answer behind informational ones", async () => {
    fixture.products.answers((request, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      giveProduct(request, response);
    });
    const answer = await fixture.request("/products/26");
    expectEnvelope(answer);
    expect(answer.body.data).toEqual(PRODUCT);
    expect(answer.headers).not.toHaveProperty("link");
  });

  test("leaves 304 to the service, whatever the request says of caches", async () => {
    const headers = { "if-none-match": '"3"', "cache-control": "no-cache" };
    expect((await fixture.request("/products/26", { headers })).status).toBe(200);
    expect(fixture.products.seen.at(-1)!.headers["if-none-match"]).toBe('"3"');
  });
});

const CODES = Object.entries(ERROR_CODES).map(([code, { status, fromService }]) => ({
  code,
  status,
  fromService,
}));

describe("a service's error", () => {
  test.each(CODES.filter(({ fromService }) => fromService))(
    "passes $status $code on to the client",
    async ({ code, status }) => {
      const details = [{ path: "price", message: "is 2 now" }];
      fixture.products.answers(
        answering(status, JSON.stringify({ code, message: "from the service", details })),
      );
      const answer = await fixture.request("/products/26");
      expectFailure(answer, status, code);
      expect(answer.body.error).toEqual({ code, message: "from the service", details });
    },
  );

  test("passes on 503 UNAVAILABLE with its Retry-After, and keeps the breaker closed", async () => {
    fixture.products.answers(answering(503, contractError("UNAVAILABLE"), { "retry-after": "7" }));
    for (let count = 0; count < 10; count += 1) {
      const answer = await fixture.request("/products/26");
      expectFailure(answer, 503, "UNAVAILABLE");
      expect(answer.headers["retry-after"]).toBe("7");
    }
    expect(fixture.products.seen).toHaveLength(10);
  });

  test("keeps the breaker closed after a 4xx that is not of the contract", async () => {
    fixture.products.answers(answering(431, '{"statusCode":431}'));
    for (let count = 0; count < 10; count += 1) {
      expectFailure(await fixture.request("/products/26"), 502, "BAD_GATEWAY");
    }
    expect(fixture.products.seen).toHaveLength(10);
    expect(await fixture.metric("upstream_breaker_state", 'service="product-service"')).toBe(0);
  });

  test.each(CODES.filter(({ fromService }) => !fromService))(
    "answers 502 to $status $code, which is about the gateway's own call",
    async ({ code, status }) => {
      fixture.products.answers(answering(status, contractError(code)));
      expectFailure(await fixture.request("/products/26"), 502, "BAD_GATEWAY");
    },
  );

  test.each([
    ["a code with another status", 500, contractError("PRODUCT_NOT_FOUND")],
    ["an unknown code", 400, contractError("SOMETHING")],
    ["a framework's error", 500, '{"statusCode":500,"message":"connect ECONNREFUSED 127.0.0.1"}'],
    ["no JSON", 500, "<html>stack at /srv/app.js:1</html>"],
    ["nothing", 502, ""],
    ["too much", 500, JSON.stringify("a".repeat(70_000))],
  ])("answers 502 to %s", async (_name, status, text) => {
    fixture.products.answers(answering(status, text));
    const answer = await fixture.request("/products/26");
    expectFailure(answer, 502, "BAD_GATEWAY");
    expect(answer.body.error.details).toEqual([]);
  });
});

describe("a broken answer", () => {
  const raw =
    (bytes: string): RequestListener =>
    (_request, response) => {
      response.socket!.end(bytes);
    };

  test.each<[string, RequestListener]>([
    ["a page", (_request, response) => void response.end("<html></html>")],
    [
      "of another type",
      (_q, response) => sendJson(response, 200, "{}", { "content-type": "text/plain" }),
    ],
    ["compressed", (_q, response) => sendJson(response, 200, "{}", { "content-encoding": "gzip" })],
    ["empty", (_q, response) => sendJson(response, 200, "")],
    ["a redirect", (_q, response) => sendJson(response, 302, "{}", { location: "http://evil/" })],
    ["another success", (_q, response) => sendJson(response, 202, "{}")],
    ["no HTTP", raw("SSH-2.0-OpenSSH\r\n")],
    [
      "another protocol",
      raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    ],
    ["nothing at all", raw("")],
    ["half a head", raw("HTTP/1.1 200 OK\r\ncontent-")],
    [
      "half a body",
      raw('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"id":'),
    ],
    [
      "half a chunk",
      raw(
        'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"id":',
      ),
    ],
    [
      "half an error",
      raw('HTTP/1.1 404 X\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"code":'),
    ],
    ["two lengths", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")],
  ])("answers 502 to one that is %s, with nothing of it", async (_name, how) => {
    fixture.products.answers(how);
    const answer = await post();
    expectFailure(answer, 502, "BAD_GATEWAY");
    for (const name of ["etag", "location"]) expect(answer.headers).not.toHaveProperty(name);
    expect(fixture.products.seen).toHaveLength(1);
  });

  test.each(["Content-Length: 50\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n50\r\n"])(
    "retries a GET that a leaving service broke off (%j)",
    async (framing) => {
      const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
      fixture.products.answers((request, response) => {
        fixture.products.answers(giveProduct);
        raw(`${head}${framing}{"id":`)(request, response);
      });
      expectEnvelope(await fixture.request("/products/26"));
      expect(fixture.products.seen).toHaveLength(2);
    },
  );

  test.each(["Content-Length: 1048577", "Transfer-Encoding: chunked"])(
    "answers 502 to more than 1 MiB (%s), and ends the call",
    async (framing) => {
      const closed = Promise.withResolvers<void>();
      fixture.products.answers(({ socket }) => {
        socket.on("close", closed.resolve);
        const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`;
        const chunk = framing.endsWith("chunked") ? "100001\r\n" : "";
        socket.write(`${head}${chunk}${"1".repeat(1_048_577)}`);
      });
      expectFailure(await fixture.request("/products/26"), 502, "BAD_GATEWAY");
      await closed.promise;
    },
  );
});

describe("G6: time", () => {
  const never: RequestListener = () => undefined;
  const drip: RequestListener = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  };
  const dripError: RequestListener = (_request, response) => {
    response.writeHead(404, { "content-type": "application/json" });
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  };
  const dripHead: RequestListener = (_request, response) => {
    response.socket!.write("HTTP/1.1 200 OK\r\nX-Slow: ");
    const timer = setInterval(() => response.socket!.write("a"), 20);
    response.socket!.on("close", () => clearInterval(timer));
  };

  test.each([
    ["hangs", never],
    ["drips its body", drip],
    ["drips its error", dripError],
    ["drips its head", dripHead],
  ])("answers 504 at the deadline when a service %s", async (_name, how) => {
    fixture.products.answers(how);
    const startedAt = performance.now();
    expectFailure(await fixture.request("/products/26"), 504, "UPSTREAM_TIMEOUT");
    const ms = performance.now() - startedAt;
    expect(ms).toBeGreaterThan(DEADLINE_MS - 50);
    expect(ms).toBeLessThan(DEADLINE_MS + 1_000);
    // No request waits any more, so nothing is kept open.
    await eventually(() => expect(fixture.products.sockets.size).toBe(0));
  });

  test("answers the routes of one service while the other hangs", async () => {
    fixture.products.answers(never);
    const stuck = Array.from({ length: 100 }, () => fixture.request("/products/26"));
    // On a busy machine the breaker may have opened before more of them are there.
    await eventually(() => expect(fixture.products.seen.length).toBeGreaterThanOrEqual(5));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => fixture.request("/orders/product/26")),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect((await fixture.request("/products/26")).status).toBeGreaterThanOrEqual(503);
    // 503 for those that came to their turn when the breaker had opened.
    for (const answer of await Promise.all(stuck)) expect([503, 504]).toContain(answer.status);
  });

  test("ends the call of a client that leaves, without blame for the service", async () => {
    for (let count = 0; count < 10; count += 1) {
      const left = Promise.withResolvers<void>();
      fixture.products.answers((_request, response) => {
        response.on("close", left.resolve);
      });
      const socket = await openRaw(fixture.url);
      socket.write("GET /products/26 HTTP/1.1\r\nHost: shop\r\n\r\n");
      await eventually(() => expect(fixture.products.seen).toHaveLength(count + 1));
      socket.destroy();
      await left.promise;
    }
    fixture.products.answers(giveProduct);
    expect((await fixture.request("/products/26")).status).toBe(200);
    await eventually(() =>
      expect(fixture.log.lines).toContainEqual(
        expect.objectContaining({ msg: "broken off", status: 499 }),
      ),
    );
  });

  test("finishes calls for clients that do not read their answers", async () => {
    // A deadline of its own: eight megabytes may take a busy machine longer than what the others here wait for.
    const patient = await startFixture({ UPSTREAM_DEADLINE_MS: "10000" });
    onTestFinished(() => patient.stop());
    const calls = (outcome: string) =>
      patient.metric("upstream_request_seconds_count", `outcome="${outcome}"`);
    const text = JSON.stringify("a".repeat(900_000));
    patient.products.answers((_request, response) => sendJson(response, 200, text));
    const sockets = await Promise.all(Array.from({ length: 8 }, () => openRaw(patient.url)));
    for (const socket of sockets) {
      socket.pause();
      socket.write("GET /products/26 HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(4));
    }
    await eventually(async () => expect(await calls("answered")).toBeGreaterThanOrEqual(8));
    patient.products.answers(giveProduct);
    expect((await patient.request("/products/26")).status).toBe(200);
    await eventually(async () =>
      expect(await calls("answered")).toBe(patient.products.seen.length),
    );
    expect(await calls("failed")).toBe(0);
    for (const socket of sockets) socket.destroy();
  });
});

describe("a connection that was kept", () => {
  /** Answers once on each connection, and resets it when it is used again. */
  const resetWhenUsedAgain = (): RequestListener => {
    const used = new WeakSet<object>();
    return (request, response) => {
      const again = used.has(request.socket);
      used.add(request.socket);
      if (again) request.socket.resetAndDestroy();
      else giveProduct(request, response);
    };
  };

  test("uses it again", async () => {
    const before = fixture.products.connections;
    for (let count = 0; count < 20; count += 1) await fixture.request("/products/26");
    expect(fixture.products.connections - before).toBeLessThanOrEqual(1);
  });

  test("retries a GET, or a POST with a key, when it was reset", async () => {
    fixture.products.answers(resetWhenUsedAgain());
    for (let count = 0; count < 5; count += 1) {
      expect((await fixture.request("/products/26")).status).toBe(200);
    }
    fixture.orders.answers(resetWhenUsedAgain());
    for (let count = 0; count < 5; count += 1) {
      const answer = await fixture.request("/orders", {
        body: { productId: 1, qty: 1 },
        headers: { "idempotency-key": `key-${count}` },
      });
      expect(answer.status).toBe(200);
    }
    expect(await fixture.metric("upstream_retries_total")).toBeGreaterThan(0);
  });

  test("never retries a write of a route without keys, whatever key comes with it", async () => {
    fixture.products.answers((request) => request.socket.resetAndDestroy());
    const headers = { "idempotency-key": "no-use-here" };
    const body = { name: "Laptop", price: 1, qty: 1 };
    expectFailure(await fixture.request("/products", { body, headers }), 502, "BAD_GATEWAY");
    expectFailure(
      await fixture.request("/products/26", { method: "DELETE", headers }),
      502,
      "BAD_GATEWAY",
    );
    expect(fixture.products.seen).toHaveLength(2);
  });

  test("answers 502 to a POST whose connection was reset", async () => {
    fixture.products.answers((request) => request.socket.resetAndDestroy());
    expectFailure(await post(), 502, "BAD_GATEWAY");
    expect(fixture.products.seen).toHaveLength(1);
  });

  test.each(["at once", "later"])(
    "does not use it again after bytes that were not asked for, %s",
    async (when) => {
      const evil =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nevil";
      fixture.products.answers((request, response) => {
        giveProduct(request, response);
        const { socket } = request;
        if (when === "at once") socket.write(evil);
        else setTimeout(() => socket.write(evil), 20);
      });
      for (let count = 0; count < 3; count += 1) {
        expect((await fixture.request("/products/26")).body.data).toEqual(PRODUCT);
        await eventually(() => expect(fixture.products.sockets.size).toBe(0));
      }
    },
  );

  test("closes it long before a service would", async () => {
    await fixture.request("/products/26");
    // FREE_SOCKET_MS, and the services' 65 s: see connections.ts.
    await eventually(() => expect(fixture.products.sockets.size).toBe(0), 8_000);
  });
});

test("logs what a broken service did, and does not show it in the answer", async () => {
  fixture.products.answers((_request, response) => {
    sendJson(response, 500, `secret ${JSON.stringify(PRODUCT)} ${PRODUCT_TEXT}`);
  });
  const headers = { "x-request-id": "broken-service", authorization: "Bearer hunter2" };
  const answer = await fixture.request("/products/26", { headers });
  expectFailure(answer, 502, "BAD_GATEWAY");
  await eventually(() =>
    expect(fixture.log.lines.find(({ requestId }) => requestId === "broken-service")).toMatchObject(
      {
        level: "warn",
        status: 502,
        code: "BAD_GATEWAY",
        cause: "the answer was 500 and no error of the contract",
        route: "/products/:id",
        path: "/products/26",
      },
    ),
  );
  expect(JSON.stringify(fixture.log.lines)).not.toMatch(/hunter2|secret/);
});
