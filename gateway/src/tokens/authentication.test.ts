import { createHmac } from "node:crypto";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";
import { ISSUER, JWT, SECRET, signToken, type Claims } from "./issuer.fixture.ts";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture({ ...JWT, JWT_SECRET: SECRET });
});
afterAll(() => fixture.stop());
beforeEach(() => {
  fixture.products.reset();
  fixture.orders.reset();
});

const tokenOf = (
  claims: Claims = {},
  key = new TextEncoder().encode(SECRET),
  header = { alg: "HS256" },
): Promise<string> => signToken(claims, key, header);

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const get = (headers: Record<string, string>, path = "/products/26") =>
  fixture.request(path, { headers });

describe("a request without a good token", () => {
  const unsigned = (claims: object): string =>
    [{ alg: "none" }, claims, ""]
      .map((part) => (part === "" ? "" : Buffer.from(JSON.stringify(part)).toString("base64url")))
      .join(".");
  const soon = Math.floor(Date.now() / 1_000) + 60;

  test("gets 401, and reaches no service", async () => {
    for (const [path, method] of [
      ["/products/26", "GET"],
      ["/products", "GET"],
      ["/products/26-with-orders", "GET"],
      ["/orders/product/26", "GET"],
      ["/products/26", "DELETE"],
      ["/api/v1/products/26", "GET"],
    ] as const) {
      const answer = await fixture.request(path, { method });
      expectFailure(answer, 401, "UNAUTHENTICATED");
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
    }
    expect([...fixture.products.seen, ...fixture.orders.seen]).toEqual([]);
  });

  test("learns nothing about its body", async () => {
    const answer = await fixture.request("/products", { body: "{" });
    expectFailure(answer, 401, "UNAUTHENTICATED");
  });

  test.each<[string, () => string | Promise<string>]>([
    ["of another signer", () => tokenOf({}, new TextEncoder().encode(`${SECRET}x`))],
    ["of another issuer", () => tokenOf({ iss: "https://evil.example/" })],
    ["for another audience", () => tokenOf({ aud: "another-shop" })],
    ["that is over", () => tokenOf({ exp: Math.floor(Date.now() / 1_000) - 10 })],
    ["that is not valid yet", () => tokenOf({ nbf: Math.floor(Date.now() / 1_000) + 60 })],
    ["without an end", () => tokenOf({ exp: undefined })],
    ["without a subject", () => tokenOf({ sub: undefined })],
    ["with a subject of spaces", () => tokenOf({ sub: "an na" })],
    ["with a subject in two lines", () => tokenOf({ sub: "anna\r\nx-scopes: orders:read" })],
    ["with an endless subject", () => tokenOf({ sub: "a".repeat(256) })],
    ["of an algorithm that was not agreed on", () => tokenOf({}, undefined, { alg: "HS512" })],
    ["without a signature", () => unsigned({ sub: "anna", iss: ISSUER, aud: "shop", exp: soon })],
    ["that was changed", async () => `${(await tokenOf()).slice(0, -4)}AAAA`],
    ["that is none", () => "not.a.token"],
    ["of one part", () => "token"],
  ])("one %s is 401", async (_name, token) => {
    const answer = await get(bearer(await token()));
    expectFailure(answer, 401, "UNAUTHENTICATED");
    expect(answer.headers["www-authenticate"]).toBe('Bearer error="invalid_token"');
    expect(fixture.products.seen).toEqual([]);
  });

  test.each(["Basic YTpi", "Bearer", "Bearer  ", "Token abc", "Bearer a b", "Bearer ü"])(
    "%j is none",
    async (authorization) => {
      const value = Buffer.from(authorization).toString("latin1");
      expectFailure(await get({ authorization: value }), 401, "UNAUTHENTICATED");
    },
  );

  test("reads health, and asks for the methods of a route", async () => {
    expect((await fixture.request("/health")).status).toBe(200);
    expect((await fixture.request("/products/26", { method: "OPTIONS" })).status).toBe(204);
  });
});

describe("a request with a good token", () => {
  test("reaches the service with its subject, its known scopes, and the internal token", async () => {
    const token = await tokenOf({ sub: "auth0|anna", scope: "openid orders:read products:write" });
    expect((await get(bearer(token))).status).toBe(200);
    expect(fixture.products.seen[0]!.headers).toMatchObject({
      "x-subject": "auth0|anna",
      "x-scopes": "products:write orders:read",
      "x-internal-token": JWT.INTERNAL_TOKEN,
    });
    expect(fixture.products.seen[0]!.headers).not.toHaveProperty("authorization");
  });

  test("cannot name another subject", async () => {
    const forged = { "x-subject": "admin", "x-scopes": "orders:read", "x-internal-token": "x" };
    await get({ ...bearer(await tokenOf({ sub: "anna" })), ...forged });
    expect(fixture.products.seen[0]!.headers).toMatchObject({
      "x-subject": "anna",
      "x-scopes": "",
      "x-internal-token": JWT.INTERNAL_TOKEN,
    });
  });

  test("asks both parts of the BFF as its subject", async () => {
    await get(bearer(await tokenOf({ sub: "anna" })), "/products/26-with-orders");
    for (const { seen } of [fixture.products, fixture.orders]) {
      expect(seen[0]!.headers).toMatchObject({
        "x-subject": "anna",
        "x-internal-token": JWT.INTERNAL_TOKEN,
      });
    }
  });

  test("is accepted again without a check, but not beyond its end", async () => {
    const exp = Math.floor(Date.now() / 1_000) - 3;
    const token = await tokenOf({ exp });
    // Within the tolerance for clocks that differ, and nothing to remember.
    expect((await get(bearer(token))).status).toBe(200);
    await eventually(async () => expect((await get(bearer(token))).status).toBe(401));
  });

  test("takes scopes from scp as well, as text or as a list", async () => {
    for (const scp of ["products:write", ["x", "products:write"]]) {
      const headers = bearer(await tokenOf({ scp }));
      expect((await fixture.request("/products/26", { method: "DELETE", headers })).status).toBe(
        200,
      );
    }
  });
});

describe("writing", () => {
  const product = { name: "Cup", price: 1, qty: 1 };
  const writes = [
    ["POST", "/products", product, "products:write"],
    ["PUT", "/products/26", product, "products:write"],
    ["DELETE", "/products/26", undefined, "products:write"],
    ["POST", "/orders", { productId: 26, qty: 1 }, "orders:write"],
  ] as const;

  test.each(writes)("%s %s is 403 without its scope", async (method, path, body, scope) => {
    const others = "products:writer orders:read xproducts:write orders";
    const headers = bearer(await tokenOf({ scope: others }));
    const answer = await fixture.request(path, { method, body, headers });
    expectFailure(answer, 403, "FORBIDDEN");
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer error="insufficient_scope", scope="${scope}"`,
    );
    expect([...fixture.products.seen, ...fixture.orders.seen]).toEqual([]);
  });

  test.each(writes)("%s %s passes with it", async (method, path, body, scope) => {
    const headers = bearer(await tokenOf({ scope }));
    expect((await fixture.request(path, { method, body, headers })).status).toBe(200);
  });
});

test("logs a caller by one pseudonym, which depends on the internal token", async () => {
  const sub = "anna@shop.example";
  for (const requestId of ["first", "second"]) {
    const token = await tokenOf({ sub, jti: requestId });
    await get({ ...bearer(token), "x-request-id": requestId });
  }
  const digest = createHmac("sha256", JWT.INTERNAL_TOKEN).update(sub).digest("hex");
  await eventually(() => {
    const lines = fixture.log.lines.filter(({ requestId }) =>
      /^(first|second)$/.test(requestId ?? ""),
    );
    expect(lines.map(({ caller }) => caller)).toEqual([digest.slice(0, 16), digest.slice(0, 16)]);
  });
  expect(JSON.stringify(fixture.log.lines)).not.toContain(sub);
});

test("logs no token and no internal token", async () => {
  const token = await tokenOf({ sub: "logged" });
  await get({ ...bearer(token), "x-request-id": "with-token" });
  await get({ ...bearer(`${token}x`), "x-request-id": "with-bad-token" });
  await eventually(() => {
    const ids = fixture.log.lines.map(({ requestId }) => requestId);
    expect(ids).toEqual(expect.arrayContaining(["with-token", "with-bad-token"]));
  });
  const log = JSON.stringify(fixture.log.lines);
  expect(log).toContain('"caller":"');
  for (const secret of ["logged", token, token.split(".")[2]!, SECRET, JWT.INTERNAL_TOKEN]) {
    expect(log).not.toContain(secret);
  }
});
