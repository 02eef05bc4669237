import { describe, expect, test } from "vitest";
import { trustSetting } from "./exchange/client-address.ts";
import { readGatewayConfig } from "./config.ts";
import { SERVICES } from "./services.ts";

const URLS_VARIABLES = Object.values(SERVICES);

const LEAST = {
  NODE_ENV: "production",
  AUTH: "off",
  ...Object.fromEntries(URLS_VARIABLES.map((variable) => [variable, "http://127.0.0.1:3000"])),
  PRODUCT_SERVICE_URLS: "http://127.0.0.1:3001",
  ORDER_SERVICE_URLS: "http://10.0.0.1:3002, http://10.0.0.2:3002",
};
const SECRET = "0123456789abcdef0123456789abcdef";
const JWT = {
  ...LEAST,
  AUTH: "jwt",
  JWT_ISSUER: "https://login.example/",
  JWT_AUDIENCE: "shop",
  JWT_SECRET: SECRET,
  INTERNAL_TOKEN: SECRET,
};

const wrongWith = (environment: Record<string, string>): string[] => {
  try {
    readGatewayConfig(environment);
    return [];
  } catch (error) {
    return [...(error as Error).message.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name!);
  }
};

test("the least that is needed gives the defaults", () => {
  expect(readGatewayConfig(LEAST)).toMatchObject({
    HOST: "127.0.0.1",
    PORT: 4000,
    ADMIN_PORT: 4100,
    AUTH: "off",
    ORDER_SERVICE_URLS: ["http://10.0.0.1:3002", "http://10.0.0.2:3002"],
    UPSTREAM_DEADLINE_MS: 5_000,
    BFF_DEADLINE_MS: 2_000,
    TRUST_PROXY: 0,
  });
});

test("names every wrong or missing variable at once, and shows no password", () => {
  const wrong = {
    NODE_ENV: "production",
    ORDER_SERVICE_URLS: "postgres://user:hunter2@host",
    PORT: "70000",
    TRUST_PROXY: "true",
    MAX_IN_FLIGHT: "-1",
  };
  expect(wrongWith(wrong).toSorted()).toEqual(
    ["AUTH", "MAX_IN_FLIGHT", "PORT", "TRUST_PROXY", ...URLS_VARIABLES].toSorted(),
  );
  expect(() => readGatewayConfig(wrong)).toThrow(/^(?!.*hunter2)/s);
});

describe("AUTH", () => {
  test("has no default in production, and is off by default elsewhere", () => {
    const { AUTH: _, ...without } = LEAST;
    expect(wrongWith(without)).toEqual(["AUTH"]);
    expect(readGatewayConfig({ ...without, NODE_ENV: "test" }).AUTH).toBe("off");
  });

  test("jwt needs an issuer, an audience, keys and the internal token", () => {
    expect(wrongWith({ ...LEAST, AUTH: "jwt" }).toSorted()).toEqual([
      "INTERNAL_TOKEN",
      "JWT_AUDIENCE",
      "JWT_ISSUER",
      "JWT_SECRET",
    ]);
    expect(wrongWith(JWT)).toEqual([]);
  });

  test("takes keys from one place only, and no algorithm of the other kind, or none at all", () => {
    expect(wrongWith({ ...JWT, JWT_JWKS_URL: "https://login.example/keys" })).toEqual([
      "JWT_SECRET",
    ]);
    for (const algorithms of ["none", "RS256", "HS256,none", "hs256"]) {
      expect(wrongWith({ ...JWT, JWT_ALGORITHMS: algorithms })).toEqual(["JWT_ALGORITHMS"]);
    }
    const { JWT_SECRET: _, ...keys } = { ...JWT, JWT_JWKS_URL: "https://login.example/keys" };
    expect(wrongWith({ ...keys, JWT_ALGORITHMS: "HS256" })).toEqual(["JWT_ALGORITHMS"]);
    expect(wrongWith({ ...keys, JWT_ALGORITHMS: "RS256,EdDSA" })).toEqual([]);
  });

  test("takes keys by plain http from this machine only", () => {
    const { JWT_SECRET: _, ...jwt } = JWT;
    const wrongWithUrl = (JWT_JWKS_URL: string) => wrongWith({ ...jwt, JWT_JWKS_URL });
    for (const host of ["login.example", "10.0.0.1", "127.0.0.1.example", "localhost.example"]) {
      expect(wrongWithUrl(`http://${host}/keys`)).toEqual(["JWT_JWKS_URL"]);
    }
    for (const host of ["127.0.0.1:8080", "127.1", "localhost", "[::1]:8080"]) {
      expect(wrongWithUrl(`http://${host}/keys`)).toEqual([]);
    }
  });
});

test.each([
  ["PRODUCT_SERVICE_URLS", ["http://a:1,", "a:1", "http://a:1/path", "http://u:p@a:1", "ftp://a"]],
  ["TRUST_PROXY", ["true", "11", "-1", "10.0.0.0/33", "a.example", "10.0.0.0/8/8", "::/129"]],
  ["TRUST_PROXY", ["0.0.0.0/0", "::/0", "10.0.0.1,::/00", "fe80::1%eth-0", "fe80::1%eth0/64"]],
  ["CORS_ORIGINS", ["shop.example", "https://shop.example/", "https://a.example,*", "null"]],
  ["CORS_ORIGINS", ["https://*.shop.example", "https://a.example,https://*", "ftp://a.example"]],
  ["RATE_LIMIT", ["0", "1.5", "many"]],
  ["RATE_LIMIT_REDIS_URL", ["http://a:1"]],
  ["INTERNAL_TOKEN", ["short", "with a space in it, but long enough otherwise"]],
  ["UPSTREAM_DEADLINE_MS", ["0", "25001", "9999999"]],
  ["BFF_DEADLINE_MS", ["0", "25001"]],
])("%s refuses what it can't mean", (name, values) => {
  for (const value of values) expect(wrongWith({ ...LEAST, [name]: value })).toEqual([name]);
});

test("whatever TRUST_PROXY takes is enough to know a proxy by", () => {
  const edges = "0.0.0.0/1,::/1,10.1.2.3/8,::ffff:10.0.0.1,::ffff:10.0.0.1/104,10.0.0.0/08,fe80::1";
  const { TRUST_PROXY } = readGatewayConfig({ ...LEAST, TRUST_PROXY: edges });
  const isTrusted = trustSetting(TRUST_PROXY) as (address: string) => boolean;
  expect(["1.2.3.4", "10.9.9.9:443", "[fe80::1]:1", "ff00::1"].map(isTrusted)).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test.each([
  ["TRUST_PROXY", "2", 2],
  ["TRUST_PROXY", "10.0.0.0/8, fd00::/8", ["10.0.0.0/8", "fd00::/8"]],
  ["CORS_ORIGINS", "*", ["*"]],
  [
    "CORS_ORIGINS",
    "https://a.example,http://localhost:8080",
    ["https://a.example", "http://localhost:8080"],
  ],
] as const)("%s takes %s", (name, value, meant) => {
  expect(readGatewayConfig({ ...LEAST, [name]: value })[name]).toEqual(meant);
});
