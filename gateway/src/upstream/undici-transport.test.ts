import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { call } from "@shop/test-support/http";
import express, { type ErrorRequestHandler, type Request, type Response } from "express";
import { createProxyMiddleware, type Options } from "http-proxy-middleware";
import { expect, onTestFinished, test } from "vitest";
import type { Answer } from "./call.ts";
import { Connections } from "./connections.ts";
import { deadlineFor } from "./deadline.ts";
import { startFakeService } from "./fake-service.fixture.ts";
import { undiciTransport } from "./undici-transport.ts";

const DEADLINE_MS = 60_000;

type ProxyOptions = Options<Request, Response>;

/** An Express app with nothing but the proxy, before two services. */
async function startProxy(
  optionsFor: (first: string, second: string) => ProxyOptions,
  onAnswer = ({ status, bytes }: Answer, _request: Request, response: Response): void => {
    response.status(status).end(bytes);
  },
) {
  const services = [await startFakeService(), await startFakeService()] as const;
  const connections = new Map(
    services.map(({ url }) => [url, new Connections(url, { max: 8, keepAlive: true })]),
  );
  const plugin = undiciTransport<Request, Response>({
    outgoing: (request) => ({
      method: "GET",
      headers: { "x-sent": "by the plugin" },
      deadline: deadlineFor(request.res!, DEADLINE_MS),
    }),
    connectionsTo: (origin) => connections.get(origin)!,
    onAnswer,
  });
  const failed: ErrorRequestHandler = (error: Error, _request, response, _next) => {
    response.status(500).json({ next: error.message });
  };
  const options = optionsFor(services[0].url, services[1].url);
  const app = express().use(createProxyMiddleware({ ...options, plugins: [plugin] }), failed);
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await Promise.all([...connections.values()].map((each) => each.close()));
    await Promise.all(services.map((service) => service.stop()));
  });
  const { port } = server.address() as AddressInfo;
  return { services, get: (path: string) => call(`http://127.0.0.1:${port}${path}`) };
}

test.each<[string, (url: string) => ProxyOptions["target"]]>([
  ["a text", (url) => url],
  ["a URL", (url) => new URL(url)],
  ["an object", (url) => ({ protocol: "http:", host: new URL(url).host })],
])("sends to the router's target, given as %s, and to the rewritten path", async (_name, as) => {
  const { services, get } = await startProxy((first, second) => ({
    router: ({ path }) => as(path === "/to/second" ? second : first)!,
    pathRewrite: { "^/to": "/went/to" },
  }));
  await get("/to/first");
  expect((await get("/to/second")).status).toBe(200);
  expect(services.map(({ seen }) => seen.map(({ url }) => url))).toEqual([
    ["/went/to/first"],
    ["/went/to/second"],
  ]);
  expect(services[0].seen[0]!.headers).toMatchObject({ "x-sent": "by the plugin" });
});

test("emits start before a request, and error when the service breaks off", async () => {
  const events: string[] = [];
  const { services, get } = await startProxy((target) => ({
    target,
    on: {
      start: () => void events.push("start"),
      error: ({ message }) => void events.push(message),
    },
  }));
  services[0].answers((request) => void request.socket.resetAndDestroy());
  const { status, body } = await get("/");
  expect(events).toEqual(["start", expect.stringMatching(/ECONNRESET|other side closed/)]);
  expect({ status, body }).toEqual({ status: 500, body: { next: events[1] } });
});

test("takes an error in onAnswer for a failure of the proxy", async () => {
  const { get } = await startProxy(
    (target) => ({ target, on: { error: () => undefined } }),
    () => {
      throw new Error("no answer of ours");
    },
  );
  expect((await get("/")).body).toEqual({ next: "no answer of ours" });
});
