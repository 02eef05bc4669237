import { describe, expect, test } from "vitest";
import { fromCents, MAX_PRICE, price, toCents } from "./money.ts";

const issuesOf = (value: unknown): string[] =>
  price.safeParse(value).error?.issues.map(({ message }) => message) ?? [];

describe("price", () => {
  test.each([0, 0.01, 0.1, 0.29, 0.3, 1.1, 19.99, 1_000_000.01, MAX_PRICE])(
    "when it is %d, then it is taken as it is",
    (value) => {
      expect(price.parse(value)).toBe(value);
    },
  );

  test("when it is -0, then it is a price of nothing, as in JSON", () => {
    expect(JSON.stringify(price.parse(JSON.parse("-0")))).toBe("0");
    expect(BigInt(toCents(-0))).toBe(0n);
  });

  test.each([
    [0.30000000000000004, "must have at most 2 decimals"],
    [0.1 + 0.7, "must have at most 2 decimals"],
    [19.999, "must have at most 2 decimals"],
    [0.001, "must have at most 2 decimals"],
    [1e-300, "must have at most 2 decimals"],
    [-1, "must be 0 or more"],
    [-0.01, "must be 0 or more"],
    [10_000_000, `must be ${MAX_PRICE} or less`],
    [1e300, `must be ${MAX_PRICE} or less`],
    [Number("1e309"), "must be a number"],
    [Number.NaN, "must be a number"],
    ["19.99", "must be a number"],
    ["", "must be a number"],
    [true, "must be a number"],
    [null, "must be a number"],
    [undefined, "must be a number"],
    [[19.99], "must be a number"],
    [{}, "must be a number"],
  ])("when it is %j, then it %s", (value, rule) => {
    expect(issuesOf(value)).toContain(rule);
  });

  test("when 1e309 stands in a body, then it is refused", () => {
    expect(price.safeParse(JSON.parse("1e309")).success).toBe(false);
  });
});

describe("cents", () => {
  test("when any amount of cents goes out and comes back, then it is the same and is a price", () => {
    const wrong: number[] = [];
    for (let cents = 0; cents <= toCents(MAX_PRICE); cents += cents < 200_000 ? 1 : 99_991) {
      if (toCents(fromCents(cents)) !== cents || !price.safeParse(fromCents(cents)).success) {
        wrong.push(cents);
      }
    }
    expect(wrong).toEqual([]);
    expect(toCents(MAX_PRICE)).toBe(999_999_999);
  });
});
