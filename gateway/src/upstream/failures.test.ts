import { errors } from "undici";
import { expect, test } from "vitest";
import { blamesInstance, brokeOff, callEnded, isBug, isRefused, NotSent } from "./failures.ts";

const failure = (code: string): Error => Object.assign(new Error("failed"), { code });
const judge = (error: Error) => ({
  bug: isBug(error),
  blames: blamesInstance(error),
  brokeOff: brokeOff(error),
});

test.each([
  ...["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT", "ECONNRESET"].map(failure),
  Object.assign(new AggregateError([failure("ECONNREFUSED")]), { code: "ECONNREFUSED" }),
])("blames the instance for a request that was not sent (%o)", (cause) => {
  const error = new NotSent(cause);
  expect(judge(error)).toEqual({ bug: false, blames: true, brokeOff: false });
  expect(error.message).not.toBe("");
  expect(isRefused(error)).toBe("code" in cause && cause.code === "ECONNREFUSED");
});

test.each([
  ...["ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT", "UND_ERR_SOCKET"].map(failure),
  failure("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"),
  new errors.HTTPParserError("Response does not match the HTTP/1.1 protocol (Invalid EOF state)"),
])("takes a request that breaks off (%o) for one that may have been sent", (error) => {
  expect(judge(error)).toEqual({ bug: false, blames: true, brokeOff: true });
});

test.each([
  new errors.HTTPParserError("Response does not match the HTTP/1.1 protocol (Expected HTTP/)"),
  failure("UND_ERR_HEADERS_OVERFLOW"),
])("blames the instance for an answer that is no HTTP (%o)", (error) => {
  expect(judge(error)).toEqual({ bug: false, blames: true, brokeOff: false });
});

test.each([failure("UND_ERR_INVALID_ARG"), failure("ERR_INVALID_CHAR"), new TypeError("x")])(
  "does not blame the instance for a mistake of the gateway (%o)",
  (error) => {
    expect(judge(error)).toEqual({ bug: true, blames: false, brokeOff: false });
  },
);

test("makes no stack for the error that says that a client has left", () => {
  expect(callEnded("the client left").stack).not.toContain("\n");
});
