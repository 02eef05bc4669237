import { Socket } from "node:net";
import express from "express";
import { expect, test } from "vitest";
import { expressObjects } from "./express-objects.ts";

test("requests and responses have what Express would give them, from the start", () => {
  const app = express();
  const made = expressObjects(app);
  const request = new made.IncomingMessage(new Socket());
  const response = new made.ServerResponse(request);
  expect(Object.getPrototypeOf(request)).toBe(app.request);
  expect(Object.getPrototypeOf(response)).toBe(app.response);
  // What their own constructors do is done as well.
  expect(request.readableHighWaterMark).toBeGreaterThan(0);
  expect(response.req).toBe(request);
});
