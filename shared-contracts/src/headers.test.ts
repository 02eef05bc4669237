import { describe, expect, test } from "vitest";
import {
  etagOf,
  IDEMPOTENCY_KEY_HEADER,
  namesVersion,
  orderHeaders,
  REQUEST_ID_PATTERN,
} from "./headers.ts";

describe("a request id", () => {
  test.each(["a", "A-b_c.9", "0".repeat(64), "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20"])(
    "when it is %s, then it is taken",
    (id) => {
      expect(id).toMatch(REQUEST_ID_PATTERN);
    },
  );

  test.each(["", "0".repeat(65), "a b", "a\n", "\na", 'a"b', "a,b", "a/b", "é", "a\u0000", "{}"])(
    "when it is %j, then it is not taken",
    (id) => {
      expect(id).not.toMatch(REQUEST_ID_PATTERN);
    },
  );
});

describe("an idempotency key", () => {
  const taken = (key: unknown): boolean =>
    orderHeaders.safeParse({ [IDEMPOTENCY_KEY_HEADER]: key }).success;

  test.each(["k", "!~", '"quoted"', "k".repeat(255), undefined])(
    "when it is %j, then it is taken",
    (key) => {
      expect(taken(key)).toBe(true);
    },
  );

  test.each(["", "two words", "first, second", "k".repeat(256), "schlüssel", "a\tb", "a\u007f", 7])(
    "when it is %j, then it is refused",
    (key) => {
      expect(taken(key)).toBe(false);
    },
  );

  test("when the request has other headers, then they do not matter", () => {
    expect(orderHeaders.parse({ host: "x", [IDEMPOTENCY_KEY_HEADER]: "k" })).toEqual({
      [IDEMPOTENCY_KEY_HEADER]: "k",
    });
  });
});

describe("If-Match and If-None-Match", () => {
  test.each(["*", " * ", '"1", *', '"3"', 'W/"3"', '"1", "3"', '"1",W/"3" , "9"', '  "3"  '])(
    "when it is %j, then it names version 3",
    (header) => {
      expect(namesVersion(header, 3)).toBe(true);
    },
  );

  test.each(["", "3", "'3'", '"30"', '"03"', '"1", "2"', 'w/"3"', 'W/W/"3"', '"*"', "**", '"3'])(
    "when it is %j, then it does not name version 3",
    (header) => {
      expect(namesVersion(header, 3)).toBe(false);
    },
  );

  test("when the tag that was given out comes back, then it names its version", () => {
    expect(namesVersion(etagOf(12), 12)).toBe(true);
  });
});
