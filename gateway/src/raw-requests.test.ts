import { once } from "node:events";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sendJson } from "./upstream/fake-service.fixture.ts";
import { expectEnvelope, expectFailure, startFixture, type Fixture } from "./gateway.fixture.ts";
import { BAD_PATHS, NO_ROUTES, internalTargets } from "@shop/test-support/path-corpus";
import { openRaw, readToEnd, sendRaw } from "@shop/test-support/raw-client";
import { BAD_REQUEST_IDS, CONTROL_CHARACTERS } from "@shop/test-support/request-id-corpus";
import { smugglingCorpus } from "@shop/test-support/smuggling-corpus";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.products.reset();
  fixture.orders.reset();
});

const GET = "GET /products/26 HTTP/1.1\r\nHost: shop\r\n";
const LAST = "Connection: close\r\n\r\n";
const SMUGGLED = "GET /products/99 HTTP/1.1\r\nHost: shop\r\n\r\n";

const reached = (): string[] => fixture.products.seen.map(({ method, url }) => `${method} ${url}`);

describe("G1: a request that two programs may read in two ways", () => {
  const corpus = smugglingCorpus({ read: "/products/26", smuggled: SMUGGLED });

  test.each(corpus)("%s is refused, and nothing of it reaches a service", async (_name, bytes) => {
    const { answers, rest } = await sendRaw(fixture.url, bytes);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(rest).toBe("");
    expect(reached()).toEqual([]);
  });

  test.each(["DELETE", "GET"])(
    "as a chunked %s with a request in its body is refused",
    async (method) => {
      const chunk = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`;
      const head = `${method} /products/26 HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const { answers } = await sendRaw(fixture.url, head, chunk, SMUGGLED);
      expect(answers).toHaveLength(1);
      expectFailure(answers[0]!, 400, "BAD_REQUEST");
      expect(answers[0]!.headers["connection"]).toBe("close");
      expect(reached()).toEqual([]);
    },
  );

  test("a body behind an early answer is never read as a request", async () => {
    const head = `POST /nowhere HTTP/1.1\r\nHost: shop\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n`;
    const { answers } = await sendRaw(fixture.url, head, SMUGGLED);
    expect(answers).toHaveLength(1);
    expectFailure(answers[0]!, 404, "NOT_FOUND");
    expect(reached()).toEqual([]);
  });

  test("bytes behind a refused body are never read as a request, although the body's end is clear", async () => {
    // A connection to the service is there: what gets through gets there at once.
    await fixture.request("/products/26");
    fixture.products.seen.length = 0;
    const head = "DELETE /products/26 HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n";
    const socket = await openRaw(fixture.url);
    socket.write(head);
    // The refusal is on its way, and says that it is the last answer.
    socket.once("data", () => socket.write(`2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`));
    const { answers } = await readToEnd(socket);
    expect(answers).toHaveLength(1);
    expect(answers[0]!.headers["connection"]).toBe("close");
    expect(reached()).toEqual([]);
  });

  test("an empty body counts as none", async () => {
    const { answers } = await sendRaw(
      fixture.url,
      `DELETE /products/26 HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n${LAST}`,
    );
    expect(answers[0]!.status).toBe(200);
    expect(reached()).toEqual(["DELETE /products/26"]);
  });

  test("pipelined requests are answered in order", async () => {
    fixture.products.answers((request, response) => {
      sendJson(response, 200, JSON.stringify(request.url));
    });
    const paths = [1, 2, 3].map((id) => `/products/${id}`);
    const { answers } = await sendRaw(
      fixture.url,
      ...paths.slice(0, 2).map((path) => `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`),
      `GET ${paths[2]} HTTP/1.1\r\nHost: shop\r\n${LAST}`,
    );
    expect(answers.map(({ text }) => JSON.parse(text).data)).toEqual(paths);
  });
});

describe("G2: headers", () => {
  const lastSeen = () => fixture.products.seen.at(-1)!;

  test("reach a service only where it may know them, and forged ones never do", async () => {
    const forged = [
      "X-Forwarded-For: 6.6.6.6",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil.example",
      "Forwarded: for=6.6.6.6",
      "X-Real-IP: 6.6.6.6",
      "X-Subject: admin",
      "X-Scopes: orders:read",
      "X-Internal-Token: guessed",
      "Authorization: Bearer secret",
      "Cookie: session=secret",
      "Proxy-Authorization: Basic secret",
      "Proxy-Connection: keep-alive",
      "TE: trailers",
      "Trailer: X-Late",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
      "Keep-Alive: timeout=1",
      "X-Named: by connection",
      "Connection: close, X-Named, Upgrade",
      "X-HTTP-Method-Override: DELETE",
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      'If-None-Match: "1"',
      "X-Request-ID: forged-headers",
    ].join("\r\n");
    const { answers } = await sendRaw(
      fixture.url,
      `GET /products/26 HTTP/1.1\r\nHost: evil.example\r\n${forged}\r\n\r\n`,
    );
    expect(answers[0]!.status).toBe(200);
    expect(lastSeen().headers).toEqual({
      host: new URL(fixture.products.url).host,
      connection: "keep-alive",
      "x-request-id": "forged-headers",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "if-none-match": '"1"',
    });
  });

  test("of a service are not passed on, except those of the contract", async () => {
    fixture.products.answers((_request, response) => {
      sendJson(response, 201, "{}", {
        etag: '"1"',
        location: "/products/7",
        connection: "close, x-inner",
        "x-inner": "secret",
        server: "inner",
        "x-powered-by": "inner",
        "set-cookie": "a=b",
        "x-request-id": "another",
      });
    });
    const { headers } = await fixture.request("/products/26");
    expect(headers).toMatchObject({
      etag: '"1"',
      location: "/products/7",
      connection: "keep-alive",
    });
    expect(Object.keys(headers).toSorted()).toEqual([
      "cache-control",
      "connection",
      "content-length",
      "content-security-policy",
      "content-type",
      "date",
      "etag",
      "keep-alive",
      "location",
      "strict-transport-security",
      "x-content-type-options",
      "x-frame-options",
      "x-request-id",
    ]);
    expect(headers["x-request-id"]).not.toBe("another");
  });

  test("let caches keep only answers with an ETag, and ask again each time", async () => {
    const cacheControl = async (path: string, method = "GET") =>
      (await fixture.request(path, { method })).headers["cache-control"];
    expect(await cacheControl("/products/26")).toBe("no-cache");
    for (const path of ["/docs", "/openapi.json"]) {
      expect([path, await cacheControl(path)]).toEqual([path, "no-cache"]);
    }
    for (const service of [fixture.products, fixture.orders]) {
      service.answers((_request, response) => sendJson(response, 200, "{}"));
    }
    const order = "/orders/019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20";
    const kept = [order, "/orders/product/26", "/products/26-with-orders", "/products", "/health"];
    for (const path of [...kept, "/nowhere", "/products/x", "/docs/x", "//"]) {
      expect([path, await cacheControl(path)]).toEqual([path, "no-store"]);
    }
    expect(await cacheControl("/products/26", "PATCH")).toBe("no-store");
    fixture.products.answers((_request, response) => {
      const notFound = { code: "PRODUCT_NOT_FOUND", message: "no", details: [] };
      sendJson(response, 404, JSON.stringify(notFound), { etag: '"1"' });
    });
    expect(await cacheControl("/products/26")).toBe("no-store");
    const { answers } = await sendRaw(
      fixture.url,
      `${GET}X-Long: ${"a".repeat(17_000)}\r\n${LAST}`,
    );
    expect(answers[0]!.headers["cache-control"]).toBe("no-store");
  });

  test("show a Location under the prefix that was asked, and none of another host", async () => {
    fixture.products.answers((_request, response) => {
      sendJson(response, 201, "{}", { location: "/products/7" });
    });
    expect((await fixture.request("/api/v1/products/26")).headers).toMatchObject({
      location: "/api/v1/products/7",
    });
    fixture.products.answers((_request, response) => {
      sendJson(response, 201, "{}", { location: `${fixture.products.url}/products/7` });
    });
    expect((await fixture.request("/products/26")).headers["location"]).toBeUndefined();
  });

  test("answer Expect: 100-continue when the body is wanted, and do not pass it on", async () => {
    const body = JSON.stringify({ name: "Cup", price: 1, qty: 1 });
    const head = `POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n`;
    const socket = await openRaw(fixture.url);
    socket.write(`${head}Content-Length: ${body.length}\r\n${LAST}`);
    socket.once("data", () => socket.write(body));
    const { answers } = await readToEnd(socket);
    expect(answers.map(({ status }) => status)).toEqual([100, 200]);
    expect(lastSeen().body).toBe(body);
    expect(lastSeen().headers).not.toHaveProperty("expect");
  });

  test("refuse Expect: 100-continue before a body that is too large", async () => {
    const { answers } = await sendRaw(
      fixture.url,
      `POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n`,
      `Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n`,
    );
    expect(answers).toHaveLength(1);
    expectFailure(answers[0]!, 413, "PAYLOAD_TOO_LARGE");
  });

  test("ignore another Expect", async () => {
    const body = '{"name":"Cup","price":1,"qty":1}';
    const post = `POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    for (const [head, rest] of [
      [GET, ""],
      [post, body],
    ]) {
      const { answers } = await sendRaw(fixture.url, `${head}Expect: 42-pills\r\n${LAST}${rest}`);
      expect(answers.map(({ status }) => status)).toEqual([200]);
      expect(lastSeen().headers).not.toHaveProperty("expect");
    }
  });

  test("are refused in the absolute form, whichever host it names", async () => {
    for (const target of ["http://evil.example/products/26", `${fixture.products.url}/metrics`]) {
      const { answers } = await sendRaw(
        fixture.url,
        `GET ${target} HTTP/1.1\r\nHost: shop\r\n${LAST}`,
      );
      expectFailure(answers[0]!, 400, "BAD_REQUEST");
    }
    expect(reached()).toEqual([]);
  });

  test("are refused without a Host, with two, and of HTTP/0.9; HTTP/1.0 needs none", async () => {
    const { answers } = await sendRaw(fixture.url, `GET /products/26 HTTP/1.1\r\n${LAST}`);
    expectFailure(answers[0]!, 400, "BAD_REQUEST");
    const two = await sendRaw(fixture.url, `${GET}hOST: evil.example\r\n${LAST}`);
    expectFailure(two.answers[0]!, 400, "BAD_REQUEST");
    expect(reached()).toEqual([]);
    const oldest = await sendRaw(fixture.url, "GET /products/26\r\n\r\n");
    expectFailure(oldest.answers[0]!, 400, "BAD_REQUEST");
    expect(reached()).toEqual([]);
    const old = await sendRaw(fixture.url, "GET /products/26 HTTP/1.0\r\n\r\n");
    expect(old.answers[0]).toMatchObject({ status: 200, headers: { connection: "close" } });
  });

  test.each([
    "a b",
    "",
    "a/b",
    "a@b",
    "a:b",
    "a:80:80",
    "http://a",
    "a,b",
    "[::1",
    "::1",
    "a\\b",
    "\xe9",
  ])("are refused with the Host %j", async (host) => {
    const bytes = `GET /products/26 HTTP/1.1\r\nHost: ${host}\r\n${LAST}`;
    const { answers } = await sendRaw(fixture.url, Buffer.from(bytes, "latin1"));
    expectFailure(answers[0]!, 400, "BAD_REQUEST");
    expect(reached()).toEqual([]);
  });

  test.each([
    "shop",
    "shop_1.example.:4000",
    "127.0.0.1:80",
    "[::1]:4000",
    "xn--bcher-kva.example",
  ])("are accepted with the Host %j", async (host) => {
    const { answers } = await sendRaw(
      fixture.url,
      `GET /products/26 HTTP/1.1\r\nHost: ${host}\r\n${LAST}`,
    );
    expect(answers[0]!.status).toBe(200);
  });

  test("are refused with two Authorization headers, equal ones too", async () => {
    const one = "Authorization: Bearer a\r\n";
    for (const other of [one, "authorization: Bearer b\r\n", "AUTHORIZATION:\r\n"]) {
      const { answers } = await sendRaw(fixture.url, `${GET}${one}${other}${LAST}`);
      expectFailure(answers[0]!, 400, "BAD_REQUEST");
    }
    expect(reached()).toEqual([]);
    expect((await sendRaw(fixture.url, `${GET}${one}${LAST}`)).answers[0]!.status).toBe(200);
  });

  test("CONNECT opens no tunnel, and an upgrade gets a plain answer", async () => {
    const connected = await sendRaw(fixture.url, "CONNECT evil:80 HTTP/1.1\r\nHost: evil\r\n\r\n");
    expectFailure(connected.answers[0]!, 405, "METHOD_NOT_ALLOWED");
    expect(connected.answers[0]!.headers).toMatchObject({
      connection: "close",
      allow: expect.stringContaining("GET"),
    });
    const upgraded = await sendRaw(
      fixture.url,
      `${GET}Upgrade: websocket\r\nConnection: upgrade, close\r\n\r\n`,
    );
    expect(upgraded.answers[0]!.status).toBe(200);
  });

  test("CONNECT behind requests in flight ends the connection, and leaves nothing in flight", async () => {
    fixture.products.answers(() => undefined);
    const connect = "CONNECT evil:80 HTTP/1.1\r\nHost: evil\r\n\r\n";
    const { answers } = await sendRaw(fixture.url, `${GET}\r\n${GET}\r\n${connect}`);
    expect(answers).toEqual([]);
    await eventually(async () => expect(await fixture.metric("requests_in_flight")).toBe(0));
  });

  test("a client that leaves behind a CONNECT leaves nothing in flight", async () => {
    for (const rest of ["", "more bytes"]) {
      const socket = await openRaw(fixture.url);
      socket.write(`CONNECT evil:80 HTTP/1.1\r\nHost: evil\r\n\r\n${rest}`);
      await once(socket, "data");
      socket.resetAndDestroy();
    }
    expect((await fixture.request("/products/26")).status).toBe(200);
  });

  test("an HTTP/1.0 client never gets 100 Continue", async () => {
    const body = '{"name":"Cup","price":1,"qty":1}';
    const head = `POST /products HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    fixture.products.answers((_request, response) => sendJson(response, 201, "{}"));
    const { answers } = await sendRaw(fixture.url, `${head}Expect: 100-continue\r\n\r\n${body}`);
    expect(answers.map(({ status }) => status)).toEqual([201]);
  });

  test("a head of more than 16 kB is refused in the envelope", async () => {
    for (const bytes of [17_000, 1_000_000]) {
      const { answers } = await sendRaw(
        fixture.url,
        `${GET}X-Long: ${"a".repeat(bytes)}\r\n${LAST}`,
      );
      expectFailure(answers[0]!, 400, "BAD_REQUEST");
    }
    const { answers } = await sendRaw(fixture.url, `GET /${"a".repeat(20_000)} HTTP/1.1\r\n\r\n`);
    expectFailure(answers[0]!, 400, "BAD_REQUEST");
  });
});

describe("G3: paths", () => {
  const isRefusal = (status: unknown): boolean => status === 400 || status === 404;

  test.each(BAD_PATHS)("%s is not a plain path", async (path) => {
    const { answers } = await sendRaw(fixture.url, `GET ${path} HTTP/1.1\r\nHost: shop\r\n${LAST}`);
    expectFailure(answers[0]!, 400, "BAD_REQUEST");
    expect(reached()).toEqual([]);
  });

  test.each(NO_ROUTES)("%s is no route", async (path) => {
    const { answers } = await sendRaw(fixture.url, `GET ${path} HTTP/1.1\r\nHost: shop\r\n${LAST}`);
    expectFailure(answers[0]!, 404, "NOT_FOUND");
    expect(reached()).toEqual([]);
  });

  test.each([
    "/products/%2526",
    "/products/0",
    "/products/-1",
    "/products/026",
    "/products/1e1",
    "/products/2147483648",
    "/products/99999999999999999999",
    "/products/26;x=1",
    "/products/26%20",
    "/products/%F0%9F%98%80",
    "/products/26-with-orders-with-orders",
    "/products/x-with-orders",
    "/orders/product/0",
    "/orders/product",
    "/orders/not-a-uuid",
    "/orders/019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20x",
  ])("%s holds no id", async (path) => {
    const answer = await fixture.request(path);
    expectFailure(answer, 400, "VALIDATION_FAILED");
    expect([...fixture.products.seen, ...fixture.orders.seen]).toEqual([]);
  });

  test("internal routes of services are reached by no spelling of their path", async () => {
    for (const target of internalTargets([fixture.products.url, fixture.orders.url])) {
      const { answers } = await sendRaw(
        fixture.url,
        Buffer.from(`GET ${target} HTTP/1.1\r\nHost: shop\r\n${LAST}`, "latin1"),
      );
      expect([target, answers[0]?.status]).toEqual([target, expect.toSatisfy(isRefusal)]);
    }
    expect([...fixture.products.seen, ...fixture.orders.seen]).toEqual([]);
  });

  test("an escaped id is the id, and a service gets it plain", async () => {
    expect((await fixture.request("/products/%32%36")).status).toBe(200);
    expect(reached()).toEqual(["GET /products/26"]);
  });

  test("bytes that are not ASCII are not HTTP, or not a plain path", async () => {
    const { answers } = await sendRaw(
      fixture.url,
      Buffer.from(`GET /products/\xe9 HTTP/1.1\r\nHost: shop\r\n${LAST}`, "latin1"),
    );
    expect(answers[0]!.status).toBe(400);
  });
});

describe("G4: request ids", () => {
  test.each(BAD_REQUEST_IDS)("replaces an id %s, everywhere", async (_name, id) => {
    const { answers } = await sendRaw(
      fixture.url,
      Buffer.from(`${GET}X-Request-ID: ${id}\r\n${LAST}`, "latin1"),
    );
    const given = answers[0]!.headers["x-request-id"]!;
    expect(given).toMatch(/^[0-9a-f-]{36}$/);
    expectEnvelope(answers[0]!);
    expect(fixture.products.seen.at(-1)!.headers["x-request-id"]).toBe(given);
    expect(fixture.log.lines.filter(({ requestId }) => requestId === given)).toHaveLength(1);
  });

  test.each(CONTROL_CHARACTERS)("refuses %j in an id as not HTTP", async (character) => {
    const { answers } = await sendRaw(fixture.url, `${GET}X-Request-ID: a${character}b\r\n${LAST}`);
    expect(answers[0]).toMatchObject({ status: 400, text: "" });
  });

  test("keeps a safe id, everywhere, also on failures", async () => {
    for (const path of ["/products/26", "/nowhere", "/products/x", "/%00"]) {
      const id = `good.ONE-${path.length}_1`;
      const answer = await fixture.request(path, { headers: { "x-request-id": id } });
      expectEnvelope(answer);
      expect(answer.headers["x-request-id"]).toBe(id);
      expect(fixture.log.lines.filter(({ requestId }) => requestId === id)).toHaveLength(1);
    }
  });
});
