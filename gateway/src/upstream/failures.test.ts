import { errors } from "undici";
import { expect, test } from "vitest";
import {
  brokeOff,
  callEnded,
  isBug,
  NotSent,
  refused,
  tellsOfInstance,
  wasNotSent,
} from "./failures.ts";

const failure = (code: string): Error => Object.assign(new Error("failed"), { code });
const judge = (error: Error) => ({
  bug: isBug(error),
  tells: tellsOfInstance(error),
  notSent: wasNotSent(error),
  brokeOff: brokeOff(error),
});

test.each([
  ...["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT", "ECONNRESET"].map(failure),
  Object.assign(new AggregateError([failure("ECONNREFUSED")]), { code: "ECONNREFUSED" }),
])("when it was not sent (%o), then it tells of the instance, and nothing broke off", (cause) => {
  const error = new NotSent(cause);
  expect(judge(error)).toEqual({ bug: false, tells: true, notSent: true, brokeOff: false });
  expect(error.message).not.toBe("");
  expect(refused(error)).toBe("code" in cause && cause.code === "ECONNREFUSED");
});

test.each([
  ...["ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT", "UND_ERR_SOCKET"].map(failure),
  failure("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"),
  new errors.HTTPParserError("Response does not match the HTTP/1.1 protocol (Invalid EOF state)"),
])("when it breaks off (%o), then it may have been sent", (error) => {
  expect(judge(error)).toEqual({ bug: false, tells: true, notSent: false, brokeOff: true });
});

test.each([
  new errors.HTTPParserError("Response does not match the HTTP/1.1 protocol (Expected HTTP/)"),
  failure("UND_ERR_HEADERS_OVERFLOW"),
])("when what comes is no HTTP (%o), then it is the service's fault", (error) => {
  expect(judge(error)).toEqual({ bug: false, tells: true, notSent: false, brokeOff: false });
});

test.each([failure("UND_ERR_INVALID_ARG"), failure("ERR_INVALID_CHAR"), new TypeError("x")])(
  "when it is a mistake in here (%o), then it tells nothing of the service",
  (error) => {
    expect(judge(error)).toEqual({ bug: true, tells: false, notSent: false, brokeOff: false });
  },
);

test("when a client has left, then the error that says so has no stack", () => {
  expect(callEnded("the client left").stack).not.toContain("\n");
});
