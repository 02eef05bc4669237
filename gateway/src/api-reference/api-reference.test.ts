import { ERROR_CODES, type ErrorCode } from "@shop/contracts/errors";
import type { Answer } from "@shop/test-support/http";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { sendJson } from "../upstream/fake-service.fixture.ts";
import { optionalParts, type Combination } from "../bff/combination.ts";
import { COMBINED, expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";
import { PREFIXES, ROUTES, type Route } from "../routes.ts";
import { SERVICES } from "../services.ts";
import { JWT, SECRET, signToken } from "../tokens/issuer.fixture.ts";
import { DOCS_FILES } from "./page.ts";
import { openApiPath } from "./document.ts";
import {
  DOCUMENT,
  exampleRequest,
  expectDescribed,
  goodStatusOf,
  operationOf,
} from "./reference.fixture.ts";

const WITH_TOKENS = { ...JWT, JWT_SECRET: SECRET };

const OWN = new Set<unknown>(["health", "api-reference"]);
const served = ROUTES.filter(({ answeredBy }) => !OWN.has(answeredBy));
const withBody = served.filter(({ body }) => body);
const named = (routes: readonly Route[]) =>
  routes.map((route) => ({ name: `${route.method} ${route.path}`, route }));

let shop: Fixture;

beforeAll(async () => {
  shop = await startFixture({ UPSTREAM_DEADLINE_MS: "300", BFF_DEADLINE_MS: "300" });
});
afterAll(() => shop.stop());
afterEach(() => {
  for (const service of Object.values(shop.services)) service.reset();
});

/** What all services say from now on. */
function servicesAnswer(status: number, text: string, headers: Record<string, string> = {}): void {
  for (const service of Object.values(shop.services)) {
    service.answers((_request, response) => {
      if (status === 204) response.writeHead(204).end();
      else sendJson(response, status, text, headers);
    });
  }
}

/** As the services do, by the document's own examples. */
function servicesAnswerWell(route: Route): number {
  const [status, answer] = Object.entries<any>(operationOf(route).responses)[0]!;
  const [example] = Object.values<any>(answer.content?.["application/json"].examples ?? {});
  const told = Object.keys(answer.headers);
  servicesAnswer(Number(status), JSON.stringify(example?.value.data), {
    ...(told.includes("ETag") && { etag: '"1"' }),
    ...(told.includes("Location") && { location: "/somewhere" }),
    ...(told.includes("Idempotency-Replayed") && { "idempotency-replayed": "true" }),
  });
  return Number(status);
}

const ask = (route: Route, gateway: Pick<Fixture, "request"> = shop): Promise<Answer> => {
  const { path, call } = exampleRequest(route);
  return gateway.request(path, call);
};

describe("the document describes the answers that are given", () => {
  test.each(named(served.filter(({ answeredBy }) => typeof answeredBy === "string")))(
    "$name: when its service answers as the example says",
    async ({ route }) => {
      const status = servicesAnswerWell(route);
      const { path, call } = exampleRequest(route);
      for (const prefix of PREFIXES) {
        const answer = await shop.request(`${prefix}${path}`, call);
        expect(answer.status).toBe(status);
        expectDescribed(route, answer);
      }
    },
  );

  test.each(named(COMBINED))(
    "$name: whole, without each part that may be missing, and with none where there may be none",
    async ({ route }) => {
      const combination = route.answeredBy as Combination;
      const { content } = operationOf(route).responses["200"];
      const { data } = content["application/json"].examples.whole.value;
      const partsAnswer = (missing?: string, status = 500, text = ""): void => {
        for (const [part, { service }] of Object.entries(combination)) {
          shop.services[service].answers((_request, response) =>
            part === missing
              ? sendJson(response, status, text)
              : sendJson(response, 200, JSON.stringify(data[part])),
          );
        }
      };
      partsAnswer();
      const whole = await ask(route);
      expect(whole.body).toMatchObject({ data, meta: { partial: false } });
      expectDescribed(route, whole);

      for (const part of optionalParts(combination)) {
        partsAnswer(part);
        const partial = await ask(route);
        expect(partial.body).toMatchObject({
          data: { ...data, [part]: null },
          meta: { partial: true, unavailable: [part] },
        });
        expectDescribed(route, partial);

        const { noneWhen } = combination[part]!;
        if (noneWhen === undefined) continue;
        partsAnswer(part, 404, JSON.stringify({ code: noneWhen, message: "none", details: [] }));
        const none = await ask(route);
        expect(none.body).toMatchObject({
          data: { ...data, [part]: null },
          meta: { partial: false },
        });
        expectDescribed(route, none);
      }
    },
  );

  test.each(named(withBody))(
    "$name: every body given as an example is accepted",
    async ({ route }) => {
      const status = servicesAnswerWell(route);
      const { path, call } = exampleRequest(route);
      const { examples } = operationOf(route).requestBody.content["application/json"];
      for (const { value } of Object.values<any>(examples)) {
        expect(await shop.request(path, { ...call, body: value })).toMatchObject({ status });
      }
    },
  );

  test.each(named(ROUTES.filter(({ answeredBy }) => OWN.has(answeredBy))))(
    "$name: the gateway's own answer, and 304 where it has a tag",
    async ({ route }) => {
      const answer = await ask(route);
      expect(answer.status).toBe(goodStatusOf(route));
      expectDescribed(route, answer);
      const { etag } = answer.headers;
      if (etag === undefined) return;
      const { path } = exampleRequest(route);
      const known = { headers: { "if-none-match": String(etag) } };
      const unchanged = await shop.request(path, known);
      expect(unchanged.status).toBe(304);
      expectDescribed(route, unchanged);
    },
  );

  test("GET /products/:id: 304 from the service", async () => {
    const route = ROUTES.find(({ path }) => path === "/products/:id")!;
    shop.products.answers((_request, response) => response.writeHead(304, { etag: '"1"' }).end());
    expectDescribed(route, await ask(route));
  });
});

describe("the document describes the errors that are given", () => {
  test.each(named(ROUTES))("$name: an unknown parameter", async ({ route }) => {
    const { path, call } = exampleRequest(route);
    const answer = await shop.request(`${path}?unknown=1`, call);
    expectFailure(answer, 400, "VALIDATION_FAILED");
    expectDescribed(route, answer);
  });

  test.each(named(ROUTES))("$name: every code that its service may give", async ({ route }) => {
    const codes = Object.values<any>(operationOf(route).responses).flatMap(codesOf);
    expect(codes).toContain("INTERNAL");
    if (OWN.has(route.answeredBy)) return;
    for (const code of codes) {
      const { status, fromService } = ERROR_CODES[code];
      if (!fromService) continue;
      servicesAnswer(status, JSON.stringify({ code, message: "no", details: [] }));
      const answer = await ask(route);
      expectFailure(answer, status, code);
      expectDescribed(route, answer);
    }
  });

  test.each(named(served))("$name: a service that breaks, hangs or is gone", async ({ route }) => {
    const expectFailed = async (code: ErrorCode, settings = {}): Promise<void> => {
      // One of its own: it would stop asking services that fail.
      const gateway = await shop.startAnother(settings);
      const { path, call } = exampleRequest(route);
      const answer = await shop.requestOf(gateway, path, call);
      await gateway.stop();
      expectFailure(answer, ERROR_CODES[code].status, code);
      expectDescribed(route, answer);
    };
    servicesAnswer(200, "");
    await expectFailed("BAD_GATEWAY");
    for (const service of Object.values(shop.services)) service.answers(() => undefined);
    await expectFailed("UPSTREAM_TIMEOUT");
    const closed = Object.values(SERVICES).map((variable) => [variable, "http://127.0.0.1:1"]);
    await expectFailed("UNAVAILABLE", Object.fromEntries(closed));
  });

  test.each(named(withBody))("$name: a body that is none", async ({ route }) => {
    const { path, call } = exampleRequest(route);
    const bodies: [status: number, body: string, type: string][] = [
      [400, "{", "application/json"],
      [413, `"${"x".repeat(102_400)}"`, "application/json"],
      [415, "{}", "text/plain"],
    ];
    for (const [status, body, type] of bodies) {
      const answer = await shop.request(path, { ...call, body, headers: { "content-type": type } });
      expect(answer.status).toBe(status);
      expectDescribed(route, answer);
    }
  });

  test("with authentication on: no token, and one without the scope; the reference stays open", async () => {
    const strict = await shop.startAnother(WITH_TOKENS);
    for (const path of ["/health", "/openapi.json", "/docs", "/api/v1/docs/initializer.js"]) {
      expect((await shop.requestOf(strict, path)).status).toBe(200);
    }
    const token = await signToken({}, new TextEncoder().encode(SECRET), { alg: "HS256" });
    for (const route of ROUTES) {
      const { path, call } = exampleRequest(route);
      const answer = await shop.requestOf(strict, path, call);
      expect(answer.status).toBe(route.open ? goodStatusOf(route) : 401);
      expectDescribed(route, answer);
      if (route.scope === undefined) continue;
      const headers = { authorization: `Bearer ${token}` };
      const forbidden = await shop.requestOf(strict, path, { ...call, headers });
      expectFailure(forbidden, 403, "FORBIDDEN");
      expectDescribed(route, forbidden);
    }
    await strict.stop();
  });

  test("with a rate limit: one request too many", async () => {
    const limited = await shop.startAnother({ RATE_LIMIT: "1" });
    await shop.requestOf(limited, "/docs");
    for (const route of ROUTES) {
      const { path, call } = exampleRequest(route);
      const answer = await shop.requestOf(limited, path, call);
      expect(answer.status).toBe(route.path === "/health" ? 200 : 429);
      expectDescribed(route, answer);
    }
    await limited.stop();
  });

  test("GET /health: a service that is not ready", async () => {
    shop.products.isReady((_request, response) => sendJson(response, 503, "{}"));
    const route = ROUTES.find(({ path }) => path === "/health")!;
    const other = await shop.startAnother();
    const answer = await shop.requestOf(other, "/health");
    await other.stop();
    shop.products.isReady((_request, response) => sendJson(response, 200, '{"status":"ok"}'));
    expectFailure(answer, 503, "UNAVAILABLE");
    expectDescribed(route, answer);
  });
});

const codesOf = (answer: any): ErrorCode[] => {
  const name = answer.$ref?.split("/").at(-1);
  const { content } = name === undefined ? answer : DOCUMENT.components.responses[name];
  return content?.["application/json"]?.schema.properties?.error?.properties.code.enum ?? [];
};

describe("the shop's address", () => {
  const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

  test.each(PREFIXES)("sends a browser to the page under '%s', HEAD as well", async (prefix) => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await shop.request(`${prefix}/`, { method, headers: { accept: BROWSER } });
      expect(answer).toMatchObject({ status: 302, text: "" });
      expect(answer.headers["location"]).toBe(`${prefix}/docs`);
    }
  });

  test.each([
    undefined,
    "*/*",
    "application/json",
    "application/json, text/html;q=0.5",
    "text/html;q=0, */*",
  ])("is 404 with Accept: %s", async (accept) => {
    for (const prefix of PREFIXES) {
      const answer = await shop.request(`${prefix}/`, { headers: accept ? { accept } : {} });
      expectFailure(answer, 404, "NOT_FOUND");
      expect(answer.headers).not.toHaveProperty("location");
    }
  });

  test("has no other method, and needs its slash", async () => {
    const { status, headers } = await shop.request("/", { method: "OPTIONS" });
    expect({ status, allow: headers["allow"] }).toEqual({
      status: 204,
      allow: "GET, HEAD, OPTIONS",
    });
    expectFailure(await shop.request("/", { method: "POST" }), 405, "METHOD_NOT_ALLOWED");
    const bare = await shop.request("/api/v1", { headers: { accept: BROWSER } });
    expectFailure(bare, 404, "NOT_FOUND");
  });
});

describe("the page and its document", () => {
  test.each(PREFIXES)("are served under '%s', to HEAD as well", async (prefix) => {
    for (const path of ["/openapi.json", "/docs", ...DOCS_FILES.map((name) => `/docs/${name}`)]) {
      const answer = await shop.request(`${prefix}${path}`);
      expect(answer.status).toBe(200);
      expect(Buffer.byteLength(answer.text)).toBeGreaterThan(100);
      const head = await shop.request(`${prefix}${path}`, { method: "HEAD" });
      expect(head.text).toBe("");
      for (const name of ["content-type", "content-length", "etag", "cache-control"]) {
        expect(head.headers[name]).toBe(answer.headers[name]);
      }
    }
  });

  test("the served document is the one that is checked here", async () => {
    const { body, headers } = await shop.request("/openapi.json");
    expect(body).toEqual(DOCUMENT);
    expect(headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test("the document asks for tokens where the gateway does, and nowhere else", async () => {
    const off = await shop.request("/openapi.json");
    expect(off.body.components).not.toHaveProperty("securitySchemes");
    expect(off.text).not.toContain('"security"');

    const strict = await shop.startAnother(WITH_TOKENS);
    const { body } = await shop.requestOf(strict, "/openapi.json");
    await strict.stop();
    expect(body.components.securitySchemes).toHaveProperty("bearer");
    for (const route of ROUTES) {
      const { security } = body.paths[openApiPath(route.path)][route.method.toLowerCase()];
      const scopes = route.scope === undefined ? [] : [route.scope];
      expect(security).toEqual(route.open ? [] : [{ bearer: scopes }]);
    }
  });

  test.each([
    "/docs/package.json",
    "/docs/index.html",
    "/docs/swagger-ui-bundle.js.map",
    "/docs/constructor",
    "/docs/__proto__",
    "/docs/swagger-ui.css/",
    "/docs/",
  ])("%s is not there", async (path) => {
    expectFailure(await shop.request(path), 404, "NOT_FOUND");
  });

  test("a path that leads out of the folder is refused", async () => {
    expectFailure(await shop.request("/docs/..%2fpackage.json"), 400, "BAD_REQUEST");
    expectFailure(await shop.request("/docs/%2e%2e%5cpackage.json"), 400, "BAD_REQUEST");
  });

  test.each(["/docs", "/docs/swagger-ui.css", "/openapi.json"])(
    "%s has no other method",
    async (path) => {
      const answer = await shop.request(path, { method: "DELETE" });
      expectFailure(answer, 405, "METHOD_NOT_ALLOWED");
      expect(answer.headers["allow"]).toBe("GET, HEAD, OPTIONS");
    },
  );

  test("the page may load from this server only, and other answers from nowhere", async () => {
    const page = await shop.request("/docs");
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    expect(page.text).not.toMatch(/(?:src|href)="(?!docs\/)/);
    for (const path of ["/products/26", "/openapi.json", "/docs/swagger-ui.css", "/health"]) {
      const { headers } = await shop.request(path);
      expect(headers["content-security-policy"]).toBe("default-src 'none';frame-ancestors 'none'");
    }
  });
});
