import { expect, test } from "vitest";
import { failure, partialMeta, success } from "./envelope.ts";
import { orderPage } from "./order.ts";
import { product } from "./product.ts";

const at = "2026-11-20T10:15:30.123Z";
const meta = { requestId: "r-1", timestamp: at };
const data = { id: 1, name: "x", price: 1, qty: 1, version: 1, createdAt: at, updatedAt: at };

test("when an answer is a success, then it holds the data and its meta", () => {
  const answer = { success: true, data, meta };
  expect(success(product).parse(answer)).toEqual(answer);
  expect(success(product).safeParse({ ...answer, data: { ...data, id: "1" } }).success).toBe(false);
  expect(success(product).safeParse({ ...answer, success: false }).success).toBe(false);
  expect(success(product).safeParse({ success: true, data }).success).toBe(false);
});

test("when an answer is a failure, then it holds a code of the contract", () => {
  const error = { code: "NOT_FOUND", message: "no", details: [] };
  expect(failure.parse({ success: false, error, meta })).toEqual({ success: false, error, meta });
  expect(failure.safeParse({ success: true, error, meta }).success).toBe(false);
  expect(failure.safeParse({ success: false, error: { ...error, code: "X" }, meta }).success).toBe(
    false,
  );
});

test("when a part could not be asked, then the meta has to say so", () => {
  const schema = success(orderPage.nullable(), partialMeta("orders"));
  const partial = { ...meta, partial: true, unavailable: ["orders"] };
  expect(schema.parse({ success: true, data: null, meta: partial }).meta).toEqual(partial);
  expect(schema.safeParse({ success: true, data: null, meta }).success).toBe(false);
  expect(
    schema.safeParse({ success: true, data: null, meta: { ...partial, unavailable: ["x"] } })
      .success,
  ).toBe(false);
});
