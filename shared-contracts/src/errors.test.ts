import { expect, expectTypeOf, test } from "vitest";
import { ContractError, ERROR_CODES, errorBody, type ErrorBody, type ErrorCode } from "./errors.ts";

test("when an error is answered, then its body keeps the contract and its status is the code's", () => {
  const cause = new Error("secret");
  const error = new ContractError(
    "PRICE_CHANGED",
    "It costs 5 now",
    [{ path: "price", message: "5" }],
    { cause },
  );
  expect(error.status).toBe(409);
  expect(error.cause).toBe(cause);
  expect(errorBody.parse(error.toBody())).toEqual({
    code: "PRICE_CHANGED",
    message: "It costs 5 now",
    details: [{ path: "price", message: "5" }],
  });
});

test("when an error has no details, then the list is empty and not missing", () => {
  expect(new ContractError("INTERNAL", "x").toBody().details).toEqual([]);
});

test.each(Object.entries(ERROR_CODES))("the code %s is one of the contract", (code, { status }) => {
  expect(errorBody.safeParse({ code, message: "x", details: [] }).success).toBe(true);
  expect(new ContractError(code as ErrorCode, "x").status).toBe(status);
});

test("what a service says of the gateway's own call is not for its clients", () => {
  const kept = Object.entries(ERROR_CODES).filter(([, { fromService }]) => !fromService);
  expect(kept.map(([code]) => code)).toEqual([
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "RATE_LIMITED",
    "BAD_GATEWAY",
    "UPSTREAM_TIMEOUT",
  ]);
});

test("when a code is not of the contract, then the body is refused", () => {
  expect(errorBody.safeParse({ code: "OOPS", message: "x", details: [] }).success).toBe(false);
});

test("a code outside the contract does not compile", () => {
  expectTypeOf<"OOPS">().not.toExtend<ErrorCode>();
  expectTypeOf<ErrorBody["code"]>().toEqualTypeOf<ErrorCode>();
});
