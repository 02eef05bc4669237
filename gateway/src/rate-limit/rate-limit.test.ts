import { eventually } from "@shop/test-support/eventually";
import type { Answer, Call } from "@shop/test-support/http";
import { sendRaw } from "@shop/test-support/raw-client";
import { startTcpProxy } from "@shop/test-support/tcp-proxy";
import { startRedis } from "local-stack/servers/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectFailure, startForTest } from "../gateway.fixture.ts";
import { networkOf } from "./rate-limit.ts";
import { JWT, SECRET, signToken } from "../tokens/issuer.fixture.ts";

const WITH_TOKENS = { ...JWT, JWT_SECRET: SECRET };
const PRODUCT = "/products/26";

let tokens = 0;
/** Another one each time. */
const tokenOf = (sub: string, secret = SECRET): Promise<string> =>
  signToken({ sub, jti: `${(tokens += 1)}` }, new TextEncoder().encode(secret), { alg: "HS256" });

const withToken = (token: string): Call => ({ headers: { authorization: `Bearer ${token}` } });
const as = async (sub: string): Promise<Call> => withToken(await tokenOf(sub));
const forged = async (): Promise<Call> => withToken(await tokenOf("anna", `${SECRET}x`));

const shown = ({ headers }: Answer) => [headers["ratelimit-policy"], headers["ratelimit"]];
const leftOf = (answer: Answer): number =>
  Number(/;r=(\d+);/.exec(String(answer.headers["ratelimit"]))?.[1]);

describe("answers", () => {
  test("name the limit, what is left of it and until when, whatever their status", async () => {
    const fixture = await startForTest({ RATE_LIMIT: "5", RATE_LIMIT_WINDOW_MS: "59500" });
    const answers = [
      await fixture.request(PRODUCT),
      await fixture.request("/products/x"),
      await fixture.request("/nowhere"),
      await fixture.request(PRODUCT, { method: "OPTIONS" }),
      await fixture.request("/docs"),
      await fixture.request(PRODUCT),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 404, 204, 200, 429]);
    expect(answers.map(leftOf)).toEqual([4, 3, 2, 1, 0, 0]);
    for (const answer of answers) {
      const format = /^"default";r=\d;t=([1-9]\d?)$/;
      expect(shown(answer)).toEqual(['"default";q=5;w=60', expect.stringMatching(format)]);
    }
    expect(answers.at(-1)!.headers["retry-after"]).toMatch(/^\d+$/);
  });

  test("of health do not, since health is not counted", async () => {
    const fixture = await startForTest({ RATE_LIMIT: "1" });
    for (let count = 0; count < 3; count += 1) {
      const health = await fixture.request("/health");
      expect([health.status, ...shown(health)]).toEqual([200, undefined, undefined]);
    }
    expect((await fixture.request(PRODUCT)).status).toBe(200);
  });

  test("show these headers to pages of other origins", async () => {
    const fixture = await startForTest({ RATE_LIMIT: "1", CORS_ORIGINS: "*" });
    const answer = await fixture.request(PRODUCT, { headers: { origin: "https://shop.example" } });
    const exposed = String(answer.headers["access-control-expose-headers"]).split(", ");
    expect(exposed).toEqual(expect.arrayContaining(["ratelimit", "ratelimit-policy"]));
    expect(exposed).toContain("retry-after");
  });
});

describe("without authentication", () => {
  const get = ({ url }: { url: string }, headers: Record<string, string> = {}) =>
    fetch(`${url}/products/26`, { headers });

  test("is off unless it is set", async () => {
    const fixture = await startForTest({});
    for (let at = 0; at < 50; at += 1) expect((await get(fixture)).status).toBe(200);
    expect(
      [...(await get(fixture)).headers.keys()].filter((name) => name.includes("rate")),
    ).toEqual([]);
  });

  test("keeps the connection of a refused client, unless a body is still on its way", async () => {
    const { url } = await startForTest({ RATE_LIMIT: "1", RATE_LIMIT_WINDOW_MS: "60000" });
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

  test("works on nothing behind a refused request that waits to send its body", async () => {
    const fixture = await startForTest({ RATE_LIMIT: "1", RATE_LIMIT_WINDOW_MS: "60000" });
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

  test("counts by the forwarded address where the proxy is trusted only", async () => {
    const untrusting = await startForTest({ RATE_LIMIT: "2" });
    const answers = [];
    for (let at = 0; at < 3; at += 1) {
      answers.push((await get(untrusting, { "x-forwarded-for": `10.0.0.${at}` })).status);
    }
    expect(answers).toEqual([200, 200, 429]);

    for (const TRUST_PROXY of ["1", "127.0.0.0/8"]) {
      const trusting = await startForTest({ RATE_LIMIT: "2", TRUST_PROXY });
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

  test("counts a forwarded address without its port, and the proxy's own where it is no address", async () => {
    const fixture = await startForTest({ RATE_LIMIT: "2", TRUST_PROXY: "1" });
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
    const chained = await startForTest({ TRUST_PROXY: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32" });
    for (const proxy of ["10.0.0.1:443", "::ffff:10.0.0.1", "[2001:db8::1]:443"]) {
      await get(chained, { "x-forwarded-for": `8.8.8.8, 9.9.9.9:1024, ${proxy}` });
      expect(chained.products.seen.at(-1)!.headers["x-forwarded-for"]).toBe("9.9.9.9");
    }
  });

  test("starts without its Redis, shares counts once it is there, and lets callers in while it is away", async () => {
    const redis = await startRedis({ name: "rate-redis" });
    onTestFinished(() => redis.stop());
    const way = await startTcpProxy(redis.url);
    onTestFinished(() => way.stop());
    await way.cut();
    const fixture = await startForTest({
      RATE_LIMIT: "4",
      RATE_LIMIT_REDIS_URL: way.through(redis.url),
    });
    const other = await fixture.startAnother();
    onTestFinished(() => other.stop());
    const expectLetIn = async () => {
      for (let at = 0; at < 10; at += 1) expect((await get(fixture)).status).toBe(200);
    };
    const health = async () => (await fixture.request("/health")).body.data;
    await expectLetIn();

    await way.restore();
    await eventually(async () => {
      expect(await health()).toMatchObject({ checks: { "rate-limit-redis": "ok" } });
    });
    await eventually(async () => {
      const statuses = [];
      for (const one of [fixture, other, fixture, other, fixture, other]) {
        statuses.push((await get(one)).status);
      }
      expect(statuses).toContain(429);
    });

    await way.cut();
    await eventually(async () => expect((await get(fixture)).status).toBe(200));
    await expectLetIn();
    await eventually(async () => {
      expect(await health()).toMatchObject({
        status: "degraded",
        checks: { "rate-limit-redis": "degraded", "product-service": "ok" },
      });
    });

    await way.restore();
    await eventually(async () => expect((await get(fixture)).status).toBe(429));
  });
});

describe("with authentication", () => {
  test("counts each subject behind one address apart, whichever of its tokens it sends", async () => {
    const { request } = await startForTest({ ...WITH_TOKENS, RATE_LIMIT: "2" });
    // One after the other: unverified tokens that come at once count against their address.
    const first: Answer[] = [];
    for (const sub of ["anna", "bert", "carl", "dora"]) {
      first.push(await request(PRODUCT, await as(sub)));
    }
    expect(first.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(first.map(leftOf)).toEqual([1, 1, 1, 1]);

    expect(leftOf(await request("/nowhere", await as("anna")))).toBe(0);
    const refused = await request(PRODUCT, await as("anna"));
    expectFailure(refused, 429, "RATE_LIMITED");
    expect(leftOf(refused)).toBe(0);
    expect((await request(PRODUCT, await as("bert"))).status).toBe(200);
    // And what has no token is the address'.
    expect((await request("/docs")).status).toBe(200);
  });

  test("counts requests without a token by address, apart from subjects", async () => {
    const { request } = await startForTest({ ...WITH_TOKENS, RATE_LIMIT: "2" });
    const anna = await as("anna");
    expect((await request(PRODUCT, anna)).status).toBe(200);
    const answers = [await request(PRODUCT), await request("/docs"), await request(PRODUCT)];
    expect(answers.map(({ status }) => status)).toEqual([401, 200, 429]);
    expect(answers.map(leftOf)).toEqual([1, 0, 0]);
    expect((await request(PRODUCT, anna)).status).toBe(200);
  });

  test("counts bad tokens by address, and verifies no token beyond its limit", async () => {
    const { request, products, metric } = await startForTest({ ...WITH_TOKENS, RATE_LIMIT: "3" });
    const anna = await as("anna");
    expect((await request(PRODUCT, anna)).status).toBe(200);

    // On a route that needs none too: else they would be free there.
    const bad = [
      await request(PRODUCT, await forged()),
      await request("/docs", await forged()),
      await request(PRODUCT, withToken("not.a.token")),
    ];
    expect(bad.map(({ status }) => status)).toEqual([401, 200, 401]);
    expect(bad.map(leftOf)).toEqual([2, 1, 0]);
    for (const call of [await forged(), await as("anna"), await as("bert"), {}]) {
      const refused = await request(PRODUCT, call);
      expectFailure(refused, 429, "RATE_LIMITED");
      expect(leftOf(refused)).toBe(0);
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    }
    expect(await metric("requests_limited_total")).toBe(4);
    // One that was verified before costs nothing.
    expect((await request(PRODUCT, anna)).status).toBe(200);
    expect(products.seen).toHaveLength(2);
  });

  test("verifies no more of many bad tokens at once than the limit leaves", async () => {
    const { request } = await startForTest({ ...WITH_TOKENS, RATE_LIMIT: "3" });
    const bad = await Promise.all(Array.from({ length: 20 }, forged));
    const answers = await Promise.all(bad.map((token) => request(PRODUCT, token)));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([401, 401, 401, ...Array.from({ length: 17 }, () => 429)]);
  });

  test("does not count a preflight, which has no token", async () => {
    const { request } = await startForTest({ ...WITH_TOKENS, RATE_LIMIT: "1" });
    const ask = (call: Call) => request(PRODUCT, { ...call, method: "OPTIONS" });
    for (const call of [{}, {}, await forged(), await forged()]) {
      expect((await ask(call)).status).toBe(204);
    }
    expect((await request(PRODUCT)).status).toBe(401);
    expect((await ask({})).status).toBe(204);
  });

  test("counts subjects and bad tokens of several gateways together in a Redis", async () => {
    const redis = await startRedis({ name: "caller-redis" });
    onTestFinished(() => redis.stop());
    const one = await startForTest({
      ...WITH_TOKENS,
      RATE_LIMIT: "4",
      RATE_LIMIT_REDIS_URL: redis.url,
    });
    const other = await one.startAnother();
    onTestFinished(() => other.stop());
    // Until both have found it; a busy machine may also lose a count, and the request is let in.
    await eventually(async () => {
      const sub = `anna-${tokens}`;
      const statuses = [];
      for (const gateway of [one, other, one, other, one]) {
        statuses.push((await one.requestOf(gateway, PRODUCT, await as(sub))).status);
      }
      expect(statuses).toEqual([200, 200, 200, 200, 429]);
    });
    // Good tokens left nothing on the count of their address.
    await eventually(async () => {
      const sub = `carl-${tokens}`;
      expect((await one.request(PRODUCT, await as(sub))).status).toBe(200);
    });
    await eventually(async () => {
      expect((await one.request(PRODUCT, await forged())).status).toBe(429);
    });
    await eventually(async () => {
      const answer = await one.requestOf(other, PRODUCT, await as("bert"));
      expectFailure(answer, 429, "RATE_LIMITED");
    });
  });
});

describe("an address", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2ff::1", "2001:DB8:1:0200:a:b:c:d"],
    ["2001:db8::1", "2001:db8:0:ab:0:0:0:9"],
    ["fe80::1%eth0", "fe80::2"],
    ["64:ff9b::10.0.0.1", "64:ff9b::"],
  ])("%s counts together with %s", (one, other) => {
    expect(networkOf(one)).toBe(networkOf(other));
  });

  test.each([
    ["10.0.0.1", "10.0.0.2"],
    ["2001:db8:1:2ff::1", "2001:db8:1:300::1"],
    ["2001:db8:1::", "2001:db8::1"],
    ["::ffff:a00:1", "::ffff:a00:2"],
    ["::1", "1::"],
  ])("%s does not count together with %s", (one, other) => {
    expect(networkOf(one)).not.toBe(networkOf(other));
  });
});
