import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectFailure, startFixture, type Fixture } from "./gateway.fixture.ts";
import { GIGABYTES, pourGigabyte } from "@shop/test-support/endless-body";
import { NOT_JSON, ODD_QUERIES } from "@shop/test-support/odd-values";
import { openRaw, readToEnd, sendRaw } from "@shop/test-support/raw-client";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.products.reset();
  fixture.orders.reset();
});

const LIMIT = 102_400;
const seen = () => [...fixture.products.seen, ...fixture.orders.seen];
const detailsOf = (text: string): { path: string; message: string }[] =>
  JSON.parse(text).error.details;

/** `{"name":"…","price":1,"qty":1}` of exactly so many bytes; spaces are no part of it. */
const productOf = (bytes: number): string => {
  const body = JSON.stringify({ name: "Cup", price: 1, qty: 1 });
  return body + " ".repeat(bytes - body.length);
};

describe("a body", () => {
  test("arrives as it was sent, byte for byte", async () => {
    const body = '{ "qty":1.0,\n"name" : "Gr\\u00f6\\u00dfe 🙂 ",  "price":1e0 ,"price":2}';
    expect((await fixture.request("/products", { body })).status).toBe(200);
    const [{ body: arrived, headers } = { body: "", headers: {} }] = fixture.products.seen;
    expect(arrived).toBe(body);
    expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)));
    expect(headers["content-type"]).toBe("application/json");
    expect(headers).not.toHaveProperty("transfer-encoding");
  });

  test("that came in chunks arrives whole, with its length", async () => {
    const body = productOf(20_000);
    const pieces = [body.slice(0, 7), body.slice(7, 9_000), body.slice(9_000)];
    const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
    const { answers } = await sendRaw(
      fixture.url,
      "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n",
      "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
      ...chunks,
      "0\r\n\r\n",
    );
    expect(answers[0]!.status).toBe(200);
    expect(fixture.products.seen[0]).toMatchObject({
      body,
      headers: { "content-length": "20000" },
    });
  });

  test("of 100 kB is accepted, of one byte more is not, with a declared length or without", async () => {
    expect((await fixture.request("/products", { body: productOf(LIMIT) })).status).toBe(200);
    expect(fixture.products.seen).toHaveLength(1);

    const declared = await fixture.request("/products", { body: productOf(LIMIT + 1) });
    expectFailure(declared, 413, "PAYLOAD_TOO_LARGE");
    const { answers } = await sendRaw(
      fixture.url,
      "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n",
      `Transfer-Encoding: chunked\r\n\r\n${(LIMIT + 1).toString(16)}\r\n`,
      productOf(LIMIT + 1),
    );
    expectFailure(answers[0]!, 413, "PAYLOAD_TOO_LARGE");
    expect(fixture.products.seen).toHaveLength(1);
  });

  test.each([
    ["text/plain", {}],
    ["", {}],
    ["application/x-www-form-urlencoded", {}],
    ["application/json; charset=utf-16", {}],
    ["application/jsonx", {}],
    ["application/json, text/plain", {}],
    ["application/json", { "content-encoding": "gzip" }],
  ])("of type %j is refused", async (type, headers) => {
    const answer = await fixture.request("/products", {
      body: productOf(100),
      headers: { ...headers, "content-type": type },
    });
    expectFailure(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    expect(seen()).toEqual([]);
  });

  test.each([
    "application/json",
    "APPLICATION/JSON; Charset=UTF-8",
    'application/json;charset="utf-8"',
  ])("of type %j is accepted", async (type) => {
    const headers = { "content-type": type };
    expect((await fixture.request("/products", { body: productOf(100), headers })).status).toBe(
      200,
    );
  });

  test("that is missing gets an answer that says what it should be", async () => {
    const answer = await fixture.request("/orders", { method: "POST" });
    expectFailure(answer, 400, "VALIDATION_FAILED");
    expect(detailsOf(answer.text)).toEqual([{ path: "", message: "must be a JSON object" }]);
  });

  test("on a route that takes none is refused", async () => {
    for (const method of ["GET", "DELETE"]) {
      const answer = await fixture.request("/products/26", { method, body: "{}" });
      expectFailure(answer, 400, "BAD_REQUEST");
    }
    expect(seen()).toEqual([]);
  });

  test("that breaks off reaches no service", async () => {
    const socket = await openRaw(fixture.url);
    socket.write(
      "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nX-Request-ID: broken-off\r\n",
    );
    socket.write('Content-Length: 100\r\n\r\n{"name":');
    socket.end();
    await readToEnd(socket);
    expect(seen()).toEqual([]);
  });
});

describe("G5: a body of a gigabyte", () => {
  test.each(GIGABYTES)(
    "%s gets 413, uses no memory, and ends the connection",
    async (_name, ...how) => {
      const before = process.memoryUsage().rss;
      const { answers, sentMegabytes } = await pourGigabyte(fixture.url, ...how);
      expectFailure(answers[0]!, 413, "PAYLOAD_TOO_LARGE");
      expect(sentMegabytes).toBeLessThan(64);
      expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1_048_576);
      expect(seen()).toEqual([]);
    },
  );
});

describe("G9: odd values", () => {
  const product = (fields: string): string => `{"name":"Cup","price":1,"qty":1${fields}}`;

  test.each([
    ["__proto__", product(',"__proto__":{"admin":true}'), ["__proto__"]],
    ["constructor", product(',"constructor":{"prototype":{}}'), ["constructor"]],
    ["unknown fields", product(',"id":1,"version":2'), ["id", "version"]],
    ["U+0000", '{"name":"a\\u0000b","price":1,"qty":1}', ["name"]],
    ["another control character", '{"name":"a\\u0007b","price":1,"qty":1}', ["name"]],
    ["half a surrogate pair", '{"name":"\\ud800","price":1,"qty":1}', ["name"]],
    ["halves in the wrong order", '{"name":"\\udc00\\ud800","price":1,"qty":1}', ["name"]],
    ["spaces only", '{"name":"   ","price":1,"qty":1}', ["name"]],
    ["201 characters", `{"name":"${"a".repeat(201)}","price":1,"qty":1}`, ["name"]],
    ["1e309", '{"name":"a","price":1e309,"qty":1}', ["price"]],
    ["-1", '{"name":"a","price":-1,"qty":-1}', ["price", "qty"]],
    ["0.30000000000000004", '{"name":"a","price":0.30000000000000004,"qty":1}', ["price"]],
    ["three decimals", '{"name":"a","price":1.005,"qty":1}', ["price"]],
    ["huge integers", '{"name":"a","price":1,"qty":99999999999999999999}', ["qty"]],
    ["1.5 pieces", '{"name":"a","price":1,"qty":1.5}', ["qty"]],
    ["numbers in strings", '{"name":"a","price":"1","qty":"1"}', ["price", "qty"]],
    ["null", '{"name":null,"price":null,"qty":null}', ["name", "price", "qty"]],
    ["lists", '{"name":["a"],"price":[1],"qty":[1]}', ["name", "price", "qty"]],
    ["nothing", "{}", ["name", "price", "qty"]],
    ["a list", "[]", [""]],
    ["a string", '"name"', [""]],
    ["null alone", "null", [""]],
  ])("%s: 400 that names what is wrong", async (_name, body, paths) => {
    const answer = await fixture.request("/products", { body });
    expectFailure(answer, 400, "VALIDATION_FAILED");
    expect(detailsOf(answer.text).map(({ path }) => path)).toEqual(paths);
    expect(seen()).toEqual([]);
  });

  test.each(NOT_JSON)("%s is not JSON", async (_name, body) => {
    expectFailure(await fixture.request("/products", { body }), 400, "MALFORMED_JSON");
    expect(seen()).toEqual([]);
  });

  test("refuses 50,000 levels of a known field as a wrong value", async () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const answer = await fixture.request("/products", { body: `{"name":${deep}}` });
    expectFailure(answer, 400, "VALIDATION_FAILED");
  });

  test("gives a short answer to thousands of unknown fields", async () => {
    const many = Object.fromEntries(Array.from({ length: 8_000 }, (_, at) => [`x${at}`, 1]));
    const answer = await fixture.request("/products", { body: many });
    expectFailure(answer, 400, "VALIDATION_FAILED");
    expect(answer.text.length).toBeLessThan(5_000);
  });

  test.each(ODD_QUERIES)("?%s gets 400 that names what is wrong", async (query, path) => {
    for (const list of ["/products", "/orders/product/26"]) {
      const answer = await fixture.request(`${list}?${query}`);
      expectFailure(answer, 400, "VALIDATION_FAILED");
      expect(detailsOf(answer.text).map((detail) => detail.path)).toEqual([path]);
    }
    expect(seen()).toEqual([]);
  });

  test("checks a parameter behind a thousand others", async () => {
    const query = `limit=5${"&".repeat(1_000)}&limit=6`;
    const named = `${"limit=5&".repeat(1_000)}offset=1`;
    for (const [text, wrong] of [
      [query, ["limit"]],
      [named, ["offset", "limit"]],
    ] as const) {
      const answer = await fixture.request(`/products?${text}`);
      expectFailure(answer, 400, "VALIDATION_FAILED");
      expect(new Set(detailsOf(answer.text).map(({ path }) => path))).toEqual(new Set(wrong));
    }
    expect(seen()).toEqual([]);
  });

  test("refuses a query on a route without one", async () => {
    for (const path of [
      "/products/26?fields=name",
      "/health?x=1",
      "/products/26-with-orders?cursor=a",
    ]) {
      expectFailure(await fixture.request(path), 400, "VALIDATION_FAILED");
    }
    expect((await fixture.request("/products/26?")).status).toBe(200);
  });

  test("passes a good query on in one form", async () => {
    await fixture.request("/products");
    await fixture.request("/products?limit=5");
    await fixture.request("/products?cursor=a%20b%2526%26c%3Dd%00&limit=%35");
    expect(fixture.products.seen.map(({ url }) => url)).toEqual([
      "/products?limit=20",
      "/products?limit=5",
      "/products?limit=5&cursor=a%20b%2526%26c%3Dd%00",
    ]);
  });

  test.each(["+".repeat(6_000), "a".repeat(129)])(
    "refuses a cursor that is longer than any, before it reaches a service",
    async (cursor) => {
      for (const list of ["/products", "/orders/product/26"]) {
        const answer = await fixture.request(`${list}?cursor=${cursor}`);
        expectFailure(answer, 400, "BAD_REQUEST");
        expect(detailsOf(answer.text).map(({ path }) => path)).toEqual(["cursor"]);
      }
      expect(seen()).toEqual([]);
    },
  );

  test("names all that is wrong with a request at once", async () => {
    const answer = await fixture.request("/products/x?y=1", {
      method: "PUT",
      body: { name: "", price: -1 },
    });
    expectFailure(answer, 400, "VALIDATION_FAILED");
    expect(detailsOf(answer.text).map(({ path }) => path)).toEqual(["id", "y", "name", "price"]);
  });

  test.each(["a b", "", "ü", "k".repeat(256), "a\tb"])(
    "refuses the Idempotency-Key %j",
    async (key) => {
      const answer = await fixture.request("/orders", {
        body: { productId: 1, qty: 1 },
        headers: { "idempotency-key": Buffer.from(key).toString("latin1") },
      });
      expectFailure(answer, 400, "VALIDATION_FAILED");
      expect(detailsOf(answer.text).map(({ path }) => path)).toEqual(["idempotency-key"]);
      expect(seen()).toEqual([]);
    },
  );
});
