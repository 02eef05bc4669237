import { generateKeyPairSync } from "node:crypto";
import { exportJWK, generateKeyPair } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";
import { JWT, makeKey, signToken, startIssuer, type Issuer } from "./issuer.fixture.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

let issuer: Issuer;
let fixture: Fixture;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  issuer = await startIssuer();
  fixture = await startFixture({ ...JWT, JWT_JWKS_URL: issuer.url });
});
afterEach(async () => {
  vi.useRealTimers();
  await fixture.stop();
  await issuer.stop();
});

const pass = (ms: number): void => void vi.advanceTimersByTime(ms);
const send = (token: string) =>
  fixture.request("/products/26", { headers: { authorization: `Bearer ${token}` } });
const statusOf = async (token: string) => (await send(token)).status;

describe("without the issuer", () => {
  test("answers tokens with 503 until the keys are here, and asks once a second at most", async () => {
    const key = await makeKey("one");
    issuer.goesAway();
    for (let count = 0; count < 20; count += 1) {
      const answer = await send(await key.sign("anna"));
      expectFailure(answer, 503, "UNAVAILABLE");
      expect(answer.headers["retry-after"]).toBe("1");
    }
    expect(issuer.fetches).toBe(1);
    issuer.comesBack();
    issuer.publishes(key.jwk);
    pass(SECOND);
    expect(await statusOf(await key.sign("anna"))).toBe(200);
    expect(await statusOf(await key.sign("anna", { kid: "two" }))).toBe(401);
  });

  test("uses the last good keys for 24 hours", async () => {
    const key = await makeKey("one");
    issuer.publishes(key.jwk);
    expect(await statusOf(await key.sign("anna"))).toBe(200);
    issuer.goesAway();
    for (const later of [11 * MINUTE, HOUR, 22 * HOUR]) {
      pass(later);
      expect(await statusOf(await key.sign("bert"))).toBe(200);
    }
    const seconds = 60 * 60 * 23 + 60 * 11;
    expect(await fixture.metric("signing_keys_age_seconds")).toBeCloseTo(seconds, 0);
    expect(await fixture.metric("signing_keys_fetch_failures_total")).toBe(3);
    const lines = fixture.log.lines.filter(({ msg }) => /keys cannot be fetched/.test(msg));
    expect(lines).toMatchObject([{ level: "warn", err: { message: "the issuer answered 500" } }]);

    pass(HOUR);
    expectFailure(await send(await key.sign("anna")), 503, "UNAVAILABLE");
    issuer.comesBack();
    pass(5 * SECOND);
    expect(await statusOf(await key.sign("anna"))).toBe(200);
    expect(fixture.log.lines).toContainEqual(
      expect.objectContaining({ level: "info", msg: "the issuer's keys can be fetched again" }),
    );
  });

  test("answers a token with an unknown key, which may be new, with 503", async () => {
    const [key, other] = [await makeKey("one"), await makeKey("two")];
    issuer.publishes(key.jwk);
    expect(await statusOf(await key.sign("anna"))).toBe(200);
    issuer.goesAway();
    pass(5 * SECOND);
    expectFailure(await send(await other.sign("anna")), 503, "UNAVAILABLE");
  });
});

describe("several keys", () => {
  test("of one kind verify a token that names none, the first eight at most", async () => {
    const keys = await Promise.all(Array.from({ length: 9 }, () => makeKey()));
    issuer.publishes(...keys.map(({ jwk }) => jwk));
    const statuses = await Promise.all(keys.map(async (key) => statusOf(await key.sign("anna"))));
    expect(statuses).toEqual([...Array.from({ length: 8 }, () => 200), 401]);
  });

  test("verify their tokens beside broken keys", async () => {
    const key = await makeKey("good");
    const { privateKey } = await generateKeyPair("ES256", { extractable: true });
    const broken = [
      { ...key.jwk, kid: "no-point", x: "AAAA" },
      { kty: "EC", crv: "P-256", kid: "half", alg: "ES256" },
      { ...(await exportJWK(privateKey)), kid: "private", alg: "ES256" },
    ];
    issuer.publishes(null, "key", [], {}, { kty: 7 }, ...broken, key.jwk);
    expect(await statusOf(await key.sign("anna"))).toBe(200);
    expect(await statusOf(await key.sign("anna", {}))).toBe(200);
    for (const { kid } of broken) {
      expectFailure(await send(await key.sign("anna", { kid })), 401, "UNAUTHENTICATED");
    }
  });
});

test("a key that is too short does not spoil the tokens of others", async () => {
  const key = await makeKey(undefined, "RS256");
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1_024 });
  issuer.publishes({ ...publicKey.export({ format: "jwk" }), alg: "RS256" }, key.jwk);
  expect(await statusOf(await key.sign("anna"))).toBe(200);
});

test("refuses a token that is signed with a public key as a secret", async () => {
  const key = await makeKey("one");
  issuer.publishes(key.jwk);
  for (const text of [JSON.stringify(key.jwk), JSON.stringify({ keys: [key.jwk] })]) {
    const header = { alg: "HS256", kid: "one" };
    expect(await statusOf(await signToken({}, new TextEncoder().encode(text), header))).toBe(401);
  }
});

describe("a rotation", () => {
  test("refuses a withdrawn key after 5 minutes, remembered tokens too", async () => {
    const [old, next] = [await makeKey("old"), await makeKey("next")];
    issuer.publishes(old.jwk, next.jwk);
    const remembered = await old.sign("anna");
    expect(await statusOf(remembered)).toBe(200);
    issuer.publishes(next.jwk);
    pass(5 * MINUTE - SECOND);
    expect(await statusOf(await old.sign("bert"))).toBe(200);
    pass(SECOND);
    expect(await statusOf(await next.sign("carl"))).toBe(200);
    expect(await statusOf(remembered)).toBe(401);
    expect(await statusOf(await old.sign("dora"))).toBe(401);
  });

  test.each(["next", undefined])("accepts a new key (kid: %s) after 5 s at most", async (kid) => {
    const [old, next] = [await makeKey(kid && "old"), await makeKey(kid)];
    issuer.publishes(old.jwk);
    expect(await statusOf(await old.sign("anna"))).toBe(200);
    issuer.publishes(old.jwk, next.jwk);
    pass(5 * SECOND);
    expect(await statusOf(await next.sign("anna"))).toBe(200);
  });

  test("asks the issuer once in 5 s at most for made-up keys", async () => {
    const key = await makeKey("one");
    issuer.publishes(key.jwk);
    expect(await statusOf(await key.sign("anna"))).toBe(200);
    pass(5 * SECOND);
    const forged = Array.from({ length: 50 }, async (_, at) =>
      statusOf(await key.sign("anna", { kid: `forged-${at}` })),
    );
    expect(new Set(await Promise.all(forged))).toEqual(new Set([401]));
    expect(issuer.fetches).toBe(2);
  });
});
