import { expect, test } from "vitest";
import { backoffMs, within } from "./limited-wait.ts";

const late = () => new Error("late");

test("when the work is done in time, then its outcome is the outcome", async () => {
  expect(await within(1_000, Promise.resolve(5), late)).toBe(5);
  await expect(within(1_000, Promise.reject(new Error("no")), late)).rejects.toThrow("no");
});

test("when the work is not done in time, then it is late, and its later failure harms nobody", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await expect(within(5, promise, late)).rejects.toThrow("late");
  reject(new Error("too late to matter"));
  await expect(promise).rejects.toThrow("too late to matter");
});

test("when tries go on failing, then the rest grows to its limit, and replicas do not rest in step", () => {
  const limits = { first: 100, most: 1_000 };
  for (const [attempt, ceiling] of [
    [0, 100],
    [1, 200],
    [3, 800],
    [4, 1_000],
    [10_000, 1_000],
  ] as const) {
    const rests = Array.from({ length: 200 }, () => backoffMs(attempt, limits));
    expect(Math.min(...rests)).toBeGreaterThanOrEqual(ceiling / 2);
    expect(Math.max(...rests)).toBeLessThanOrEqual(ceiling);
    expect(new Set(rests).size).toBeGreaterThan(100);
  }
});
