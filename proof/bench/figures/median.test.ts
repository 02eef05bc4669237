import { expect, test } from "vitest";
import { median, pairedRatio } from "./median.ts";

test("the median is the middle one, or between the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 1, 9, 2])).toBe(5.5);
  expect(median([7])).toBe(7);
});

test("what could not be measured is left out of the median", () => {
  expect(median([Number.NaN, 3, 1, 2])).toBe(2);
  expect(median([Number.NaN])).toBeNaN();
  expect(median([])).toBeNaN();
});

test("a ratio compares runs of the same round: a slow moment of the machine meets both", () => {
  expect(pairedRatio([100, 10, 100], [50, 5, 50])).toBe(2);
  expect(pairedRatio([100], [])).toBeNaN();
});
