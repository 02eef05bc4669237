import { expect, test } from "vitest";
import { brokeOff, wasNotSent } from "./failures.ts";

const failure = (fields: { code: string; syscall?: string }): Error =>
  Object.assign(new Error("failed"), fields);
const atConnect = (code: string) => failure({ code, syscall: "connect" });

test.each([
  ...["ECONNREFUSED", "ETIMEDOUT", "EADDRNOTAVAIL", "EMFILE", "ECONNABORTED"].map(atConnect),
  failure({ code: "ENOTFOUND", syscall: "getaddrinfo" }),
  failure({ code: "UND_ERR_CONNECT_TIMEOUT" }),
  Object.assign(new AggregateError([atConnect("ETIMEDOUT"), atConnect("EADDRNOTAVAIL")]), {
    code: "ETIMEDOUT",
  }),
])("when no connection came about (%o), then nothing was sent", (error) => {
  expect(wasNotSent(error)).toBe(true);
});

test.each(["ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT"])(
  "when a connection breaks off with %s, then it may have been sent",
  (code) => {
    const error = failure({ code, syscall: "read" });
    expect([wasNotSent(error), brokeOff(error)]).toEqual([false, true]);
  },
);
