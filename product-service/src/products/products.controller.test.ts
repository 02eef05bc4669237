import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderFor, startFixture, type Fixture } from "../product-service.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const productCount = async (): Promise<unknown> =>
  (await fixture.sql("SELECT count(*) FROM products"))[0];

const pathsIn = (body: { details: { path: string }[] }): string[] =>
  body.details.map(({ path }) => path);

describe("POST /products", () => {
  test("stores, publishes and answers the product with its Location", async () => {
    const events = await fixture.broker.receive("product.created");
    const { status, headers, body } = await fixture.request("/products", {
      body: { name: "  Laptop Pro ", price: 1999.99, qty: 25 },
      headers: { "x-request-id": "create-1" },
    });
    expect(status).toBe(201);
    expect(headers).toMatchObject({
      location: `/products/${body.id}`,
      etag: '"1"',
      "x-request-id": "create-1",
    });
    expect(body).toEqual({
      id: expect.any(Number),
      name: "Laptop Pro",
      price: 1999.99,
      qty: 25,
      version: 1,
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: body.createdAt,
    });
    await eventually(() =>
      expect(events).toContainEqual(expect.objectContaining({ requestId: "create-1", data: body })),
    );
    expect((await fixture.request(`/products/${body.id}`)).body).toEqual(body);
  });

  test.each([
    ["the least of everything", { name: "x", price: 0, qty: 0 }],
    ["the most of everything", { name: "n".repeat(200), price: 9_999_999.99, qty: 1_000_000_000 }],
    ["200 code points of two units each", { name: "😀".repeat(200), price: 0.01, qty: 1 }],
    ["quotes and a version in its name", { name: '","version":99,"', price: 0.29, qty: 1 }],
  ])("answers a product with %s as it was sent, now and later", async (_, body) => {
    const created = await fixture.request("/products", { body });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject(body);
    await fixture.cache.del(`product:${created.body.id}`);
    expect((await fixture.request(`/products/${created.body.id}`)).body).toEqual(created.body);
  });

  test("reads 1.0, 1e0 and a repeated key by JSON's own rules", async () => {
    const { status, body } = await fixture.request("/products", {
      body: '{"name":"first","price":1.0,"qty":1e0,"name":"last"}',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ name: "last", price: 1, qty: 1 });
  });

  const valid = { name: "Laptop", price: 1, qty: 1 };
  test.each<[string, unknown, string[]]>([
    ["no field", {}, ["name", "price", "qty"]],
    ["wrong types", { name: 1, price: "1", qty: "1" }, ["name", "price", "qty"]],
    ["nulls", { name: null, price: null, qty: null }, ["name", "price", "qty"]],
    ["a blank name", { ...valid, name: " \t " }, ["name"]],
    ["201 code points of a name", { ...valid, name: "n".repeat(201) }, ["name"]],
    ["a control character in the name", { ...valid, name: "a\u0000b" }, ["name"]],
    ["a lone surrogate in the name", '{"name":"a\\ud800b","price":1,"qty":1}', ["name"]],
    ["a negative price", { ...valid, price: -0.01 }, ["price"]],
    ["three decimals", { ...valid, price: 1.001 }, ["price"]],
    ["a sum of floats", { ...valid, price: 0.1 + 0.2 }, ["price"]],
    ["a price too high", { ...valid, price: 10_000_000 }, ["price"]],
    ["a price beyond numbers", '{"name":"a","price":1e309,"qty":1}', ["price"]],
    ["a negative qty", { ...valid, qty: -1 }, ["qty"]],
    ["half a piece", { ...valid, qty: 0.5 }, ["qty"]],
    ["a qty too high", { ...valid, qty: 1_000_000_001 }, ["qty"]],
    ["a qty beyond integers", '{"name":"a","price":1,"qty":9007199254740993}', ["qty"]],
    ["true for a number", { ...valid, price: true, qty: true }, ["price", "qty"]],
    ["unknown fields", { ...valid, id: 7, version: 1 }, ["id", "version"]],
    ["__proto__", '{"name":"a","price":1,"qty":1,"__proto__":{"qty":2}}', ["__proto__"]],
    ["a list", [valid], [""]],
    ["a text", '"Laptop"', [""]],
    ["null", "null", [""]],
    ["deep nesting", `${"[".repeat(40_000)}${"]".repeat(40_000)}`, [""]],
  ])(
    "rejects a body with %s, names every wrong field and stores nothing",
    async (_, body, paths) => {
      const before = await productCount();
      const answer = await fixture.request("/products", { body });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({
        code: "VALIDATION_FAILED",
        message: expect.any(String),
      });
      expect([...new Set(pathsIn(answer.body))].toSorted()).toEqual(paths);
      expect(await productCount()).toEqual(before);
    },
  );

  test.each<[string, string | Buffer]>([
    ["cut off", '{"name":'],
    ["not JSON", "name=Laptop"],
    ["not UTF-8", Buffer.from([...Buffer.from('{"name":"'), 0xff, 0xfe, ...Buffer.from('"}')])],
  ])("rejects a body that is %s as MALFORMED_JSON", async (_, body) => {
    const answer = await fixture.request("/products", { body });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      code: "MALFORMED_JSON",
      message: expect.any(String),
      details: [],
    });
  });

  test("rejects a missing body and says what is expected, whatever the media type", async () => {
    for (const type of [undefined, "application/json"]) {
      const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
      const answer = await fixture.request("/products", { method: "POST", headers });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({
        code: "VALIDATION_FAILED",
        details: [{ path: "", message: "must be a JSON object" }],
      });
    }
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"])(
    "rejects the media type %s with 415",
    async (type) => {
      const answer = await fixture.request("/products", {
        body: JSON.stringify(valid),
        headers: { "content-type": type },
      });
      expect(answer.status).toBe(415);
      expect(answer.body).toMatchObject({ code: "UNSUPPORTED_MEDIA_TYPE", details: [] });
    },
  );

  test("accepts a media type with parameters", async () => {
    const { status } = await fixture.request("/products", {
      body: JSON.stringify(valid),
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    expect(status).toBe(201);
  });

  test("rejects a body over 100 kB with 413", async () => {
    const { status, body } = await fixture.request("/products", {
      body: { ...valid, name: "n".repeat(101 * 1024) },
    });
    expect(status).toBe(413);
    expect(body).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  test("gives a request without a usable id a new one", async () => {
    for (const given of ["has space", "x".repeat(65), "ä"]) {
      const { headers } = await fixture.request("/products", {
        headers: { "x-request-id": Buffer.from(given).toString("latin1") },
      });
      expect(headers["x-request-id"]).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    }
  });
});

describe("a product's path", () => {
  const bad = [
    "0",
    "01",
    "1.0",
    "-1",
    "+1",
    "1e3",
    "abc",
    "2147483648",
    "99999999999",
    "%201",
    "1%00",
  ];
  test.each(bad)("rejects the id %s with 400, for every method", async (id) => {
    const body = { name: "Laptop", price: 1 };
    for (const call of [{}, { method: "PUT", body }, { method: "DELETE" }]) {
      const answer = await fixture.request(`/products/${id}`, call);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String) });
    }
  });

  test.each(["2147483647", "1999999999"])("answers 404 for the unknown product %s", async (id) => {
    const body = { name: "Laptop", price: 1 };
    for (const call of [{}, { method: "PUT", body }, { method: "DELETE" }]) {
      const answer = await fixture.request(`/products/${id}`, call);
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual({
        code: "PRODUCT_NOT_FOUND",
        message: `There is no product ${id}`,
        details: [],
      });
    }
  });

  test("answers in the contract's shape where the path cannot be decoded or is no route", async () => {
    for (const [path, status] of [
      ["/products/%ff", 400],
      ["/products/%", 400],
      [`/products/${"1".repeat(400)}`, 400],
      ["/nothing", 404],
      ["/products/1/2", 404],
    ] as const) {
      const answer = await fixture.request(path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.body).toEqual({
        code: status === 400 ? "BAD_REQUEST" : "NOT_FOUND",
        message: expect.any(String),
        details: [],
      });
      expect(answer.headers["x-request-id"]).toBeDefined();
    }
  });
});

describe("GET /products/:id", () => {
  test("answers 304 without a body to a client that has the version", async () => {
    const { id } = await fixture.createProduct();
    for (const tag of ['"1"', 'W/"1"', "*", '"7", "1"', '"7",W/"1"']) {
      const answer = await fixture.request(`/products/${id}`, {
        headers: { "if-none-match": tag, "cache-control": "no-cache" },
      });
      expect([tag, answer.status]).toEqual([tag, 304]);
      expect(answer.headers["etag"]).toBe('"1"');
      expect(answer.text).toBe("");
    }
  });

  test("answers the product to a client that has another version", async () => {
    const product = await fixture.createProduct();
    for (const tag of ['"2"', "1", '"11"', '""', 'W/"01"']) {
      const answer = await fixture.request(`/products/${product.id}`, {
        headers: { "if-none-match": tag },
      });
      expect([tag, answer.status]).toEqual([tag, 200]);
      expect(answer.body).toEqual(product);
    }
  });

  test("answers HEAD with GET's status and headers and no body", async () => {
    const { id } = await fixture.createProduct();
    for (const path of [
      `/products/${id}`,
      "/products?limit=1",
      "/products/2147483647",
      "/products/0",
    ]) {
      const [get, head] = await Promise.all([
        fixture.request(path),
        fixture.request(path, { method: "HEAD" }),
      ]);
      expect([path, head.status]).toEqual([path, get.status]);
      for (const header of ["etag", "content-type", "content-length"]) {
        expect([path, header, head.headers[header]]).toEqual([path, header, get.headers[header]]);
      }
      expect(head.text).toBe("");
    }
  });
});

describe("PUT /products/:id", () => {
  test("replaces and publishes the product, and records the change of stock", async () => {
    const { id, createdAt } = await fixture.createProduct({ qty: 10 });
    const events = await fixture.broker.receive("product.updated");
    const { status, headers, body } = await fixture.request(`/products/${id}`, {
      method: "PUT",
      body: { name: " Desk ", price: 5.05, qty: 4 },
      headers: { "x-request-id": "replace-1" },
    });
    expect(status).toBe(200);
    expect(headers["etag"]).toBe('"2"');
    expect(body).toMatchObject({ id, name: "Desk", price: 5.05, qty: 4, version: 2, createdAt });
    expect((await fixture.request(`/products/${id}`)).body).toEqual(body);
    expect(
      await fixture.sql("SELECT delta, request_id FROM stock_adjustments WHERE product_id = $1", [
        id,
      ]),
    ).toEqual([{ delta: -6, request_id: "replace-1" }]);
    await eventually(() =>
      expect(events).toContainEqual(
        expect.objectContaining({ requestId: "replace-1", data: body }),
      ),
    );
  });

  test("leaves the stock and records no adjustment without qty, or with the same", async () => {
    const { id } = await fixture.createProduct({ qty: 10 });
    for (const body of [
      { name: "Desk", price: 5 },
      { name: "Desk", price: 6, qty: 10 },
    ]) {
      const answer = await fixture.request(`/products/${id}`, { method: "PUT", body });
      expect(answer.body).toMatchObject({ ...body, qty: 10 });
    }
    expect(
      await fixture.sql("SELECT delta FROM stock_adjustments WHERE product_id = $1", [id]),
    ).toEqual([]);
  });

  test.each<[string, unknown, string[]]>([
    ["no price", { name: "Desk" }, ["price"]],
    ["every field wrong", { name: "", price: -1, qty: -1, no: 1 }, ["name", "no", "price", "qty"]],
    ["null for qty", { name: "Desk", price: 1, qty: null }, ["qty"]],
    ["version in it", { name: "Desk", price: 1, version: 1 }, ["version"]],
  ])("rejects a body with %s, names the fields and changes nothing", async (_, body, paths) => {
    const product = await fixture.createProduct();
    const answer = await fixture.request(`/products/${product.id}`, { method: "PUT", body });
    expect(answer.status).toBe(400);
    expect(pathsIn(answer.body).toSorted()).toEqual(paths);
    expect((await fixture.request(`/products/${product.id}`)).body).toEqual(product);
  });

  test("replaces the product when If-Match names its version, in any form", async () => {
    const { id } = await fixture.createProduct();
    for (const [index, tag] of ['"1"', 'W/"2"', "*", '"1", "4"', '"9",W/"5"'].entries()) {
      const answer = await fixture.request(`/products/${id}`, {
        method: "PUT",
        body: { name: "Desk", price: index },
        headers: { "if-match": tag },
      });
      expect([tag, answer.status]).toEqual([tag, 200]);
    }
  });

  test("answers 412 to a stale If-Match, and changes and publishes nothing", async () => {
    const product = await fixture.createProduct();
    const events = await fixture.broker.receive("product.updated");
    for (const tag of ['"2"', '"0", W/"7"', "1", '""']) {
      const answer = await fixture.request(`/products/${product.id}`, {
        method: "PUT",
        body: { name: "Desk", price: 1, qty: 1 },
        headers: { "if-match": tag },
      });
      expect([tag, answer.status]).toEqual([tag, 412]);
      expect(answer.body).toMatchObject({ code: "PRECONDITION_FAILED" });
    }
    expect((await fixture.request(`/products/${product.id}`)).body).toEqual(product);
    // What is published after them has arrived, and they have not.
    const last = await fixture.createProduct();
    await fixture.request(`/products/${last.id}`, { method: "PUT", body: { name: "x", price: 1 } });
    await eventually(() => expect(events.map(({ data }) => data.id)).toEqual([last.id]));
  });

  test("lets one of many writers of the same version win, and answers 412 to the others", async () => {
    const { id } = await fixture.createProduct();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, price) =>
        fixture.request(`/products/${id}`, {
          method: "PUT",
          body: { name: "Desk", price },
          headers: { "if-match": '"1"' },
        }),
      ),
    );
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(19);
    expect((await fixture.request(`/products/${id}`)).body).toEqual(winners[0]?.body);
  });
});

describe("updatedAt", () => {
  test("never goes back, also when PostgreSQL's clock does", async () => {
    const { id } = await fixture.createProduct({ qty: 5 });
    // As another server wrote it, whose clock was ahead.
    const [{ at } = { at: new Date(0) }] = await fixture.sql<{ at: Date }>(
      "UPDATE products SET updated_at = now() + interval '1 hour' WHERE id = $1 RETURNING updated_at AS at",
      [id],
    );
    const replaced = await fixture.request(`/products/${id}`, {
      method: "PUT",
      body: { name: "Desk", price: 1 },
    });
    expect(replaced.body.updatedAt).toBe(at.toISOString());
    const order = orderFor(id, { qty: 1 });
    await fixture.broker.publish("order.created", order);
    await fixture.allSettled([order]);
    const [sold] = await fixture.sql("SELECT qty, updated_at AS at FROM products WHERE id = $1", [
      id,
    ]);
    expect(sold).toEqual({ qty: 4, at });
  });
});

describe("DELETE /products/:id", () => {
  test("deletes the product at once, publishes it once, and answers 404 the second time", async () => {
    const { id } = await fixture.createProduct();
    await fixture.request(`/products/${id}`, { method: "PUT", body: { name: "x", price: 1 } });
    const events = await fixture.broker.receive("product.deleted");
    const answers = await Promise.all(
      ["delete-1", "delete-1", "delete-1"].map((requestId) =>
        fixture.request(`/products/${id}`, {
          method: "DELETE",
          headers: { "x-request-id": requestId },
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 204).map(({ text }) => text)).toEqual([""]);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(2);
    for (const call of [
      {},
      { method: "DELETE" },
      { method: "PUT", body: { name: "x", price: 1 } },
    ]) {
      const answer = await fixture.request(`/products/${id}`, call);
      expect(answer.status).toBe(404);
      expect(answer.body).toMatchObject({ code: "PRODUCT_NOT_FOUND" });
    }
    const last = await fixture.createProduct();
    await fixture.request(`/products/${last.id}`, { method: "DELETE" });
    await eventually(() => expect(events).toHaveLength(2));
    expect(events[0]).toMatchObject({ requestId: "delete-1", data: { id, version: 3 } });
  });

  test("ignores a media type without a body", async () => {
    const { id } = await fixture.createProduct();
    const { status } = await fixture.request(`/products/${id}`, {
      method: "DELETE",
      headers: { "content-type": "application/json" },
    });
    expect(status).toBe(204);
  });
});

describe("GET /products", () => {
  test("answers pages newest first, and the last one without a cursor", async () => {
    const created: number[] = [];
    for (let n = 0; n < 5; n += 1) created.push((await fixture.createProduct()).id);
    const first = await fixture.request("/products?limit=3");
    expect(first.status).toBe(200);
    expect(first.body.items.map(({ id }: { id: number }) => id)).toEqual(
      created.toReversed().slice(0, 3),
    );
    expect(first.body.items[0]).toEqual((await fixture.request(`/products/${created[4]}`)).body);
    const second = await fixture.request(`/products?limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body.items.map(({ id }: { id: number }) => id)).toEqual(
      created.toReversed().slice(3),
    );
  });

  test("answers 20 products without a limit, and 100 at most", async () => {
    await Promise.all(Array.from({ length: 101 }, () => fixture.createProduct()));
    expect((await fixture.request("/products")).body.items).toHaveLength(20);
    const { items, nextCursor } = (await fixture.request("/products?limit=100")).body;
    expect(items).toHaveLength(100);
    expect(nextCursor).toEqual(expect.any(String));
  });

  test("neither skips nor repeats a product that stayed while others come and go", async () => {
    const before = await Promise.all(Array.from({ length: 30 }, () => fixture.createProduct()));
    const newest = Math.max(...before.map(({ id }) => id));
    const existing = await fixture.sql<{ id: number }>("SELECT id FROM products");
    const deleted = new Set<number>();
    const seen: number[] = [];
    let cursor: string | null = "";
    for (let page = 0; cursor !== null; page += 1) {
      const path: string = `/products?limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const { body } = await fixture.request(path);
      seen.push(...body.items.map(({ id }: { id: number }) => id));
      cursor = body.nextCursor;
      await fixture.createProduct();
      // One that was seen (the page's last, where the cursor stands) and one that was not.
      for (const id of [seen.at(-1)!, newest - 7 * (page + 2)]) {
        const { status } = await fixture.request(`/products/${id}`, { method: "DELETE" });
        if (status === 204 && !seen.includes(id)) deleted.add(id);
      }
    }
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => b - a));
    expect(new Set([...seen, ...deleted])).toEqual(new Set(existing.map(({ id }) => id)));
  });

  test("answers no cursor where the last page is exactly full", async () => {
    const rows = await fixture.sql<{ id: number }>("SELECT id FROM products ORDER BY id LIMIT 3");
    const cursorBefore = Buffer.from(`product:${rows[2]!.id}`).toString("base64url");
    const { body } = await fixture.request(`/products?limit=2&cursor=${cursorBefore}`);
    expect(body.items).toHaveLength(2);
    expect(body.nextCursor).toBeNull();
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=-1", "limit"],
    ["limit=1.5", "limit"],
    ["limit=01", "limit"],
    ["limit=ten", "limit"],
    ["limit=", "limit"],
    ["limit=1&limit=2", "limit"],
    ["cursor=a&cursor=b", "cursor"],
    ["page=2", "page"],
    ["limit[]=1", "limit[]"],
    ["__proto__=1", "__proto__"],
  ])("rejects the query %s by name", async (query, path) => {
    const answer = await fixture.request(`/products?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "VALIDATION_FAILED" });
    expect(pathsIn(answer.body)).toEqual([path]);
  });

  const cursorOf = (text: string): string => Buffer.from(text).toString("base64url");
  test.each([
    ["empty", ""],
    ["made up", "nonsense"],
    ["another list's", cursorOf("order:019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20")],
    ["of id 0", cursorOf("product:0")],
    ["of an id beyond integers", cursorOf("product:2147483648")],
    ["of ten nines", cursorOf("product:9999999999")],
    ["with something after it", `${cursorOf("product:5")}!`],
    ["an injection", cursorOf("product:1 OR 1=1")],
    ["too long", "x".repeat(2_000)],
    ["bytes", "%00%ff"],
  ])("rejects a cursor that is %s as BAD_REQUEST", async (_, cursor) => {
    const answer = await fixture.request(`/products?cursor=${cursor}`);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "BAD_REQUEST" });
    expect(pathsIn(answer.body)).toEqual(["cursor"]);
  });
});

describe("a write that fails", () => {
  test("publishes nothing and leaves nothing in the outbox, also when its event cannot be stored", async () => {
    const events = await fixture.broker.receive(
      "product.created",
      "product.updated",
      "product.deleted",
    );
    const path = "/products/1777777777";
    const body = { name: "x", price: 1 };
    await fixture.request("/products", { body });
    await fixture.request(path, { method: "PUT", body });
    await fixture.request(path, { method: "DELETE" });
    // A write whose event can't be stored is not a write.
    const product = await fixture.createProduct();
    await fixture.sql("ALTER TABLE outbox RENAME TO outbox_away");
    const failed = await fixture.request(`/products/${product.id}`, { method: "PUT", body });
    await fixture.sql("ALTER TABLE outbox_away RENAME TO outbox");
    expect(failed.status).toBe(503);
    await fixture.cache.flushAll();
    expect((await fixture.request(`/products/${product.id}`)).body).toEqual(product);

    const last = await fixture.createProduct();
    await eventually(() => expect(events.map(({ data }) => data.id)).toContain(last.id));
    expect(events.map(({ data }) => data.id)).toEqual([product.id, last.id]);
    await eventually(() => fixture.atRest());
  });
});
