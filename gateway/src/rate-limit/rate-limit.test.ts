import { eventually } from "@shop/test-support/eventually";
import type { Answer, Call } from "@shop/test-support/http";
import { startRedis } from "local-stack/servers/redis";
import { afterEach, describe, expect, test } from "vitest";
import { expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";
import { networkOf } from "./rate-limit.ts";
import { AUDIENCE, ISSUER, signToken } from "../tokens/issuer.fixture.ts";

const SECRET = "a-secret-of-more-than-32-characters!";
const JWT = {
  AUTH: "jwt",
  INTERNAL_TOKEN: "an-internal-token-of-32-characters-",
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  JWT_SECRET: SECRET,
};
const PRODUCT = "/products/26";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const start = async (settings: Record<string, string>): Promise<Fixture> => {
  const fixture = await startFixture(settings);
  stops.push(fixture.stop);
  return fixture;
};

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
  test("say what the limit is, what is left of it and until when, whatever they are", async () => {
    const fixture = await start({ RATE_LIMIT: "5", RATE_LIMIT_WINDOW_MS: "59500" });
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

  test("of health say nothing: it is not counted", async () => {
    const fixture = await start({ RATE_LIMIT: "1" });
    for (let count = 0; count < 3; count += 1) {
      const health = await fixture.request("/health");
      expect([health.status, ...shown(health)]).toEqual([200, undefined, undefined]);
    }
    expect((await fixture.request(PRODUCT)).status).toBe(200);
  });

  test("may be read by pages of other origins", async () => {
    const fixture = await start({ RATE_LIMIT: "1", CORS_ORIGINS: "*" });
    const answer = await fixture.request(PRODUCT, { headers: { origin: "https://shop.example" } });
    const exposed = String(answer.headers["access-control-expose-headers"]).split(", ");
    expect(exposed).toEqual(expect.arrayContaining(["ratelimit", "ratelimit-policy"]));
    expect(exposed).toContain("retry-after");
  });
});

describe("with authentication", () => {
  test("subjects behind one address have a count each, whatever token they show", async () => {
    const { request } = await start({ ...JWT, RATE_LIMIT: "2" });
    const first = await Promise.all(
      ["anna", "bert", "carl", "dora"].map(async (sub) => request(PRODUCT, await as(sub))),
    );
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

  test("requests without a token count by address, and use up nobody's own", async () => {
    const { request } = await start({ ...JWT, RATE_LIMIT: "2" });
    const anna = await as("anna");
    expect((await request(PRODUCT, anna)).status).toBe(200);
    const answers = [await request(PRODUCT), await request("/docs"), await request(PRODUCT)];
    expect(answers.map(({ status }) => status)).toEqual([401, 200, 429]);
    expect(answers.map(leftOf)).toEqual([1, 0, 0]);
    expect((await request(PRODUCT, anna)).status).toBe(200);
  });

  test("bad tokens count by address, and beyond its limit no token is verified", async () => {
    const { request, products, metric } = await start({ ...JWT, RATE_LIMIT: "3" });
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

  test("of bad tokens that come at once no more are verified than are left", async () => {
    const { request } = await start({ ...JWT, RATE_LIMIT: "3" });
    const bad = await Promise.all(Array.from({ length: 20 }, forged));
    const answers = await Promise.all(bad.map((token) => request(PRODUCT, token)));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([401, 401, 401, ...Array.from({ length: 17 }, () => 429)]);
  });

  test("what a browser asks before a call is not counted: it has no token, and many share its address", async () => {
    const { request } = await start({ ...JWT, RATE_LIMIT: "1" });
    const ask = (call: Call) => request(PRODUCT, { ...call, method: "OPTIONS" });
    for (const call of [{}, {}, await forged(), await forged()]) {
      expect((await ask(call)).status).toBe(204);
    }
    expect((await request(PRODUCT)).status).toBe(401);
    expect((await ask({})).status).toBe(204);
  });

  test("several gateways count subjects and bad tokens together in a Redis", async () => {
    const redis = await startRedis({ name: "caller-redis" });
    stops.push(() => redis.stop());
    const one = await start({ ...JWT, RATE_LIMIT: "4", RATE_LIMIT_REDIS_URL: redis.url });
    const other = await one.startAnother();
    stops.push(() => other.stop());
    // Until both have found it; a busy machine may also lose a count, and the request is let in.
    await eventually(async () => {
      const sub = `anna-${tokens}`;
      const statuses = [];
      for (const gateway of [one, other, one, other, one]) {
        statuses.push((await one.requestOf(gateway, PRODUCT, await as(sub))).status);
      }
      expect(statuses).toEqual([200, 200, 200, 200, 429]);
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
