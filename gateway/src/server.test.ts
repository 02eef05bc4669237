import { Socket } from "node:net";
import express from "express";
import { expect, test } from "vitest";
import { createHttpServer, expressObjects } from "./server.ts";

test("makes requests and responses with Express' prototypes and Node's constructors", () => {
  const app = express();
  const made = expressObjects(app);
  const request = new made.IncomingMessage(new Socket());
  const response = new made.ServerResponse(request);
  expect(Object.getPrototypeOf(request)).toBe(app.request);
  expect(Object.getPrototypeOf(response)).toBe(app.response);
  expect(request.readableHighWaterMark).toBeGreaterThan(0);
  expect(response.req).toBe(request);
});

test("limits the time for a head, a body and a silent connection, and the number of connections", () => {
  const server = createHttpServer(express(), { maxConnections: 10, onCut: () => undefined });
  expect(server).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 65_000,
    timeout: 30_000,
    maxConnections: 10,
  });
  server.close();
});
