import { once } from "node:events";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createLogger } from "@shop/service-kit/log/logger";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { readGatewayConfig } from "../config.ts";
import { PRODUCT_TEXT, sendJson } from "../upstream/fake-service.fixture.ts";
import { expectEnvelope, expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";
import { createMetrics } from "../observe/metrics.ts";
import { openRaw } from "@shop/test-support/raw-client";
import { headersForServices } from "../upstream/service-headers.ts";
import { connectUpstreams } from "../upstream/instances.ts";
import type { Combination } from "./combination.ts";
import { combine } from "./combine.ts";

const DEADLINE_MS = 250;
const PATH = "/products/26-with-orders";
const NO_ORDERS = '{"items":[],"nextCursor":null}';

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture({ BFF_DEADLINE_MS: String(DEADLINE_MS) });
});
afterAll(() => fixture.stop());

const orders: RequestListener = (_request, response) => sendJson(response, 200, NO_ORDERS);
const never: RequestListener = () => undefined;
const reset: RequestListener = (request) => void request.socket.resetAndDestroy();
const error =
  (status: number, code: string): RequestListener =>
  (_request, response) =>
    sendJson(response, status, JSON.stringify({ code, message: "failed", details: [] }));

beforeEach(async () => {
  fixture.products.reset();
  fixture.orders.reset();
  fixture.orders.answers(orders);
  await eventually(async () => {
    const { body } = await fixture.request(PATH);
    expect(body.meta.partial).toBe(false);
  });
  fixture.products.seen.length = 0;
  fixture.orders.seen.length = 0;
});

describe("a whole answer", () => {
  test("has both parts, byte for byte, and partial: false", async () => {
    const answer = await fixture.request(`${PATH}?limit=7`);
    expectEnvelope(answer);
    expect(answer.text).toContain(
      `"data":{"product":${PRODUCT_TEXT},"orders":${NO_ORDERS}},"meta"`,
    );
    expect(answer.body.meta).toMatchObject({ partial: false });
    expect(answer.body.meta).not.toHaveProperty("unavailable");
    expect(fixture.products.seen[0]!.url).toBe("/products/26");
    expect(fixture.orders.seen[0]!.url).toBe("/orders/product/26?limit=7");
  });

  test("sends one request id to all services", async () => {
    await fixture.request(PATH, { headers: { "x-request-id": "both-parts" } });
    for (const { seen } of [fixture.products, fixture.orders]) {
      expect(seen[0]!.headers["x-request-id"]).toBe("both-parts");
    }
  });

  test("does not pass on conditions, which are about one service's answer", async () => {
    const conditional: RequestListener = ({ headers }, response) => {
      if (headers["if-none-match"] === undefined) return sendJson(response, 200, PRODUCT_TEXT);
      response.writeHead(304).end();
    };
    fixture.products.answers(conditional);
    for (const header of ["if-none-match", "if-match"]) {
      const answer = await fixture.request(PATH, { headers: { [header]: "*" } });
      expect(answer.status).toBe(200);
      expect(fixture.products.seen.at(-1)!.headers).not.toHaveProperty(header);
      expect(fixture.orders.seen.at(-1)!.headers).not.toHaveProperty(header);
    }
  });

  test("answers HEAD with the same head", async () => {
    const head = await fixture.request(PATH, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(Number(head.headers["content-length"])).toBeGreaterThan(PRODUCT_TEXT.length);
  });

  test("asks for all parts at once", async () => {
    const bothAsked = Promise.withResolvers<void>();
    let asked = 0;
    const wait =
      (text: string): RequestListener =>
      (_request, response) => {
        asked += 1;
        if (asked === 2) bothAsked.resolve();
        void bothAsked.promise.then(() => sendJson(response, 200, text));
      };
    fixture.products.answers(wait(PRODUCT_TEXT));
    fixture.orders.answers(wait(NO_ORDERS));
    expect((await fixture.request(PATH)).body.meta.partial).toBe(false);
  });
});

describe("without orders", () => {
  test.each<[string, RequestListener]>([
    ["are late", never],
    ["break off", reset],
    ["fail", error(500, "INTERNAL")],
    ["are unavailable", error(503, "UNAVAILABLE")],
    ["are a page", (_request, response) => void response.end("<html></html>")],
    [
      "are too many",
      (_request, response) => sendJson(response, 200, JSON.stringify("a".repeat(2_000_000))),
    ],
  ])("answers in part, within the deadline, when they %s", async (_name, how) => {
    fixture.orders.answers(how);
    const startedAt = performance.now();
    const answer = await fixture.request(PATH);
    expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS + 1_000);
    expectEnvelope(answer);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(`"data":{"product":${PRODUCT_TEXT},"orders":null},"meta"`);
    expect(answer.body.meta).toMatchObject({ partial: true, unavailable: ["orders"] });
  });

  test("counts missing parts", async () => {
    const before = await fixture.metric("bff_parts_missing_total", 'part="orders"');
    fixture.orders.answers(error(503, "UNAVAILABLE"));
    await fixture.request(PATH);
    expect(await fixture.metric("bff_parts_missing_total", 'part="orders"')).toBe(before + 1);
  });

  test("does not count parts as missing when there is no answer", async () => {
    const before = await fixture.metric("bff_parts_missing_total");
    const givenUp = () => fixture.metric("upstream_request_seconds_count", 'outcome="ended"');
    const givenUpBefore = await givenUp();
    fixture.orders.answers(never);
    fixture.products.answers(error(404, "PRODUCT_NOT_FOUND"));
    expect((await fixture.request(PATH)).status).toBe(404);
    fixture.products.answers(error(503, "UNAVAILABLE"));
    expect((await fixture.request(PATH)).status).toBe(503);
    await eventually(async () => expect(await givenUp()).toBe(givenUpBefore + 2));
    expect(await fixture.metric("bff_parts_missing_total")).toBe(before);
  });
});

describe("without the product", () => {
  test.each<[string, RequestListener, number, string]>([
    ["is not there", error(404, "PRODUCT_NOT_FOUND"), 404, "PRODUCT_NOT_FOUND"],
    ["is unavailable", error(503, "UNAVAILABLE"), 503, "UNAVAILABLE"],
    ["is late", never, 504, "UPSTREAM_TIMEOUT"],
    ["breaks off", reset, 502, "BAD_GATEWAY"],
    ["is a page", (_request, response) => void response.end("<html></html>"), 502, "BAD_GATEWAY"],
  ])("fails when it %s", async (_name, how, status, code) => {
    fixture.products.answers(how);
    fixture.orders.answers(never);
    const startedAt = performance.now();
    expectFailure(await fixture.request(PATH), status, code);
    expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS + 1_000);
  });

  test("answers 503 with Retry-After when its service refuses", async () => {
    await fixture.products.stop();
    const answer = await fixture.request(PATH);
    expectFailure(answer, 503, "UNAVAILABLE");
    expect(answer.headers["retry-after"]).toBe("1");
    await fixture.products.start();
  });

  test("ends the other call, without blame for its service", async () => {
    const ended = Promise.withResolvers<void>();
    fixture.products.answers(error(404, "PRODUCT_NOT_FOUND"));
    fixture.orders.answers((_request, response) => {
      response.on("close", ended.resolve);
    });
    for (let count = 0; count < 10; count += 1) await fixture.request(PATH);
    await ended.promise;
    fixture.orders.answers(orders);
    expect((await fixture.request("/orders/product/26")).status).toBe(200);
  });
});

test("ends all calls of a client that leaves", async () => {
  const left = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  fixture.products.answers((_request, response) => void response.on("close", left[0].resolve));
  fixture.orders.answers((_request, response) => void response.on("close", left[1].resolve));
  const socket = await openRaw(fixture.url);
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: shop\r\n\r\n`);
  await eventually(() => expect(fixture.orders.seen.length + fixture.products.seen.length).toBe(2));
  socket.destroy();
  await Promise.all(left.map(({ promise }) => promise));
});

test("asks for a part with what another one answered, and lacks it without", async () => {
  const combination: Combination = {
    orders: { service: "order-service", path: () => "/orders/1", required: false, data: z.any() },
    product: {
      service: "product-service",
      path: async (_params, _query, answerOf) => {
        const { productId } = (await answerOf("orders")) as { productId: number };
        return `/products/${productId}`;
      },
      required: false,
      data: z.any(),
    },
  };
  const one = await startCombination(combination);
  fixture.orders.answers((_request, response) => sendJson(response, 200, '{"productId":7}'));
  expect((await call(one.url)).text).toContain(
    `"data":{"orders":{"productId":7},"product":${PRODUCT_TEXT}},"meta"`,
  );
  expect(fixture.products.seen.map(({ url }) => url)).toEqual(["/products/7"]);

  fixture.orders.answers(error(500, "INTERNAL"));
  const { body } = await call(one.url);
  expect(body).toMatchObject({
    data: { orders: null, product: null },
    meta: { partial: true, unavailable: ["orders", "product"] },
  });
  expect(fixture.products.seen).toHaveLength(1);
  await one.stop();
});

describe("a part that may not be there", () => {
  const combination: Combination = {
    orders: { service: "order-service", path: () => "/orders/1", required: true, data: z.any() },
    product: {
      service: "product-service",
      path: () => "/products/7",
      required: false,
      noneWhen: "PRODUCT_NOT_FOUND",
      data: z.any(),
    },
  };

  test("is null in a whole answer when its service says that there is none", async () => {
    const one = await startCombination(combination);
    fixture.products.answers(error(404, "PRODUCT_NOT_FOUND"));
    const { status, text, body } = await call(one.url);
    expect(status).toBe(200);
    expect(text).toContain(`"data":{"orders":${NO_ORDERS},"product":null},"meta"`);
    expect(body.meta).toMatchObject({ partial: false });
    expect(body.meta).not.toHaveProperty("unavailable");
    expect(one.missing).toEqual([]);
    await one.stop();
  });

  test.each<[string, RequestListener]>([
    ["fails", error(503, "UNAVAILABLE")],
    ["lacks something else", error(404, "ORDER_NOT_FOUND")],
    ["does not have the route", error(404, "NOT_FOUND")],
  ])("is missing when its service %s", async (_name, how) => {
    const one = await startCombination(combination);
    fixture.products.answers(how);
    const { body } = await call(one.url);
    expect(body).toMatchObject({
      data: { product: null },
      meta: { partial: true, unavailable: ["product"] },
    });
    expect(one.missing).toEqual(["product"]);
    await one.stop();
  });

  test("lets a part that needs it be none as well, or missing", async () => {
    const { product } = combination;
    const needing: Combination[string] = {
      service: "order-service",
      path: async (_params, _query, answerOf) => `/orders/${String(await answerOf("product"))}`,
      required: false,
      data: z.any(),
    };
    const none = { ...needing, noneWhen: "PRODUCT_NOT_FOUND" } as const;
    const one = await startCombination({ product: product!, none, missing: needing });
    fixture.products.answers(error(404, "PRODUCT_NOT_FOUND"));
    expect((await call(one.url)).body).toMatchObject({
      data: { product: null, none: null, missing: null },
      meta: { partial: true, unavailable: ["missing"] },
    });
    await one.stop();
  });
});

test("logs a bug that a part is missing for", async () => {
  const one = await startCombination({
    product: {
      service: "product-service",
      path: () => {
        throw new TypeError("a bug of ours");
      },
      required: false,
      data: z.any(),
    },
  });
  expect((await call(one.url)).body.meta).toMatchObject({ unavailable: ["product"] });
  expect(fixture.log.lines).toContainEqual(
    expect.objectContaining({
      level: "error",
      part: "product",
      err: expect.objectContaining({ type: "TypeError", message: "a bug of ours" }),
    }),
  );
  await one.stop();
});

/** A combination that is in no route, before the fixture's services. */
async function startCombination(combination: Combination) {
  const config = readGatewayConfig({ ...fixture.environment });
  const upstreams = connectUpstreams(config, {
    log: createLogger({ name: "test", level: "silent" }),
    metrics: createMetrics(),
  });
  const missing: string[] = [];
  const answer = combine(combination, {
    upstreams,
    deadlineMs: DEADLINE_MS,
    headersFor: headersForServices(config),
    onMissing: (part) => void missing.push(part),
    log: createLogger({ name: "test", level: "error" }, fixture.log.destination),
  });
  const server = express().get("/", answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    /** The parts that answers went out without. */
    missing,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await Promise.all(Object.values(upstreams).map((upstream) => upstream.close()));
    },
  };
}
