import { readFileSync } from "node:fs";
import { ERROR_CODES, type ErrorCode } from "@shop/contracts/errors";
import { describe, expect, test } from "vitest";
import { PREFIXES, ROUTES, type Route } from "../gateway/src/routes.ts";

/** What no request in a collection can bring about in a shop that is well, and why. */
const NOT_COVERED: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: "only with AUTH=jwt",
  FORBIDDEN: "only with AUTH=jwt",
  IDEMPOTENCY_IN_PROGRESS: "needs two requests at the same moment",
  RATE_LIMITED: "only with RATE_LIMIT",
  INTERNAL: "would be a bug",
  BAD_GATEWAY: "needs a service that breaks",
  UNAVAILABLE: "needs a service that is down",
  UPSTREAM_TIMEOUT: "needs a service that hangs",
};

interface Script {
  listen: "prerequest" | "test";
  script: { exec: string[] };
}

interface Item {
  name: string;
  event: Script[];
  request: {
    method: string;
    url: string;
    header: { key: string; value: string }[];
    body?: { raw: string };
  };
}

interface Request {
  name: string;
  method: string;
  url: string;
  /** Without the base, the prefix and the query. */
  path: string;
  prefix: string;
  test: string;
  /** Everything that variables are put into. */
  sent: string;
  before: string;
  statuses: number[];
  codes: ErrorCode[];
}

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

const text = read("order-system.postman_collection.json");
const { item: folders } = JSON.parse(text) as { item: { item: Item[] }[] };
const environment = JSON.parse(read("local.postman_environment.json")) as {
  values: { key: string }[];
};

function readItem({ name, event, request }: Item): Request {
  const { method, url, header, body } = request;
  const whole = url.replace("{{baseUrl}}", "").replace(/\?.*$/, "");
  const prefix = PREFIXES.findLast((start) => whole.startsWith(`${start}/`)) ?? "";
  const checks = scriptOf(event, "test");
  return {
    name,
    method,
    url,
    path: whole.slice(prefix.length),
    prefix,
    test: checks,
    before: scriptOf(event, "prerequest"),
    sent: [url, body?.raw, ...header.map(({ value }) => value)].join("\n"),
    statuses: [...checks.matchAll(/to\.have\.status\((\d{3})\)/g)].map(([, status]) =>
      Number(status),
    ),
    codes: [...checks.matchAll(/error\.code\)\.to\.equal\("(\w+)"\)/g)].map(
      ([, code]) => code as ErrorCode,
    ),
  };
}

const scriptOf = (events: Script[], wanted: Script["listen"]): string =>
  events
    .filter(({ listen }) => listen === wanted)
    .flatMap(({ script }) => script.exec)
    .join("\n");

const REQUESTS = folders.flatMap(({ item }) => item.map(readItem));

const statusOf = ({ statuses }: Request): number => statuses[0] ?? 0;

/** The first that fits, as in the gateway: the route of the BFF stands before that of a product. */
const pathOf = (path: string): string | undefined =>
  ROUTES.find((route) => new RegExp(`^${route.path.replaceAll(/:\w+/g, "[^/]+")}$`).test(path))
    ?.path;

const routeOf = ({ method, path }: Request): Route | undefined => {
  const served = method === "HEAD" ? "GET" : method;
  return ROUTES.find((route) => route.path === pathOf(path) && route.method === served);
};

/** How the gateway refuses what is in none of its routes. */
function refusalOf(it: Request): ErrorCode | undefined {
  if (pathOf(it.path) === undefined) return "NOT_FOUND";
  if (routeOf(it) !== undefined || it.method === "OPTIONS") return undefined;
  return "METHOD_NOT_ALLOWED";
}

/** 302 as well: a route may do nothing but redirect. */
const isSuccess = (status: number): boolean => (status >= 200 && status < 300) || status === 302;

const isRefusal = (code: ErrorCode): boolean =>
  code === "NOT_FOUND" || code === "METHOD_NOT_ALLOWED";

test.each(ROUTES.map(({ method, path }) => [`${method} ${path}`, method, path] as const))(
  "%s has a request that succeeds",
  (_, method, path) => {
    const sent = REQUESTS.filter((it) => it.method === method && routeOf(it)?.path === path);
    expect(sent.map(statusOf).some(isSuccess)).toBe(true);
  },
);

test.each(PREFIXES)("something succeeds under %j", (prefix) => {
  const sent = REQUESTS.filter((it) => it.prefix === prefix && routeOf(it) !== undefined);
  expect(sent.some((it) => statusOf(it) < 300)).toBe(true);
});

describe.each(REQUESTS)("$name", (it) => {
  test("is for a route, or expects to be refused", () => {
    expect(it.codes.find(isRefusal)).toBe(refusalOf(it));
  });

  test("tests its answer: one status, and the code that fits it", () => {
    expect(it.test).toMatch(/pm\.test\("/);
    expect(it.statuses).toHaveLength(1);
    const isError = statusOf(it) >= 400 && it.method !== "HEAD";
    expect(it.codes.map((code) => ERROR_CODES[code].status)).toEqual(isError ? it.statuses : []);
  });
});

test("every error code is met, or there is a reason why not", () => {
  const met = new Set(REQUESTS.flatMap(({ codes }) => codes));
  const left = Object.keys(ERROR_CODES).filter((code) => !met.has(code as ErrorCode));
  expect(left.toSorted()).toEqual(Object.keys(NOT_COVERED).toSorted());
});

test("the gateway is the only address", () => {
  for (const { url } of REQUESTS) expect(url).toMatch(/^\{\{baseUrl\}\}\//);
  const addresses = text.match(/https?:\/\/[^"]*/g);
  expect(addresses).toEqual([
    "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
  ]);
});

test("names are unique: a request that repeats itself is found by its name", () => {
  expect(new Set(REQUESTS.map(({ name }) => name)).size).toBe(REQUESTS.length);
  const next = text.match(/setNextRequest\([^)]*\)/g);
  expect(new Set(next)).toEqual(new Set(["setNextRequest(pm.info.requestName)"]));
});

test("every variable has a value by the time it is sent", () => {
  const known = new Set(environment.values.map(({ key }) => key));
  const learn = (script: string): void => {
    for (const [, name] of script.matchAll(/ariables\.set\("(\w+)"/g)) known.add(name!);
  };
  for (const { name, before, sent, test: script } of REQUESTS) {
    learn(before);
    const used = [...sent.matchAll(/\{\{(\w+)\}\}/g)].map(([, variable]) => variable!);
    expect({ name, unknown: used.filter((variable) => !known.has(variable)) }).toEqual({
      name,
      unknown: [],
    });
    learn(script);
  }
});
