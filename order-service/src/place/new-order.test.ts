import { expect, test } from "vitest";
import { fingerprintOf } from "./new-order.ts";

// Stored keys live for a day: another text for the same body would refuse their repeats during an update.
test("the fingerprint of a body keeps its text, whatever the order of its fields", () => {
  expect(fingerprintOf({ price: 9.5, qty: 2, productId: 1 })).toBe(
    '{"productId":1,"qty":2,"price":9.5}',
  );
  expect(fingerprintOf({ qty: 2, productId: 1 })).toBe('{"productId":1,"qty":2}');
});
