import { expect, test } from "vitest";
import { createLatencies } from "./latencies.ts";

test("quantiles are right to one percent, over five orders of magnitude", () => {
  const latencies = createLatencies();
  for (let ms = 1; ms <= 1_000; ms += 1) latencies.add(ms / 100);
  for (const [q, ms] of [
    [0.5, 5],
    [0.95, 9.5],
    [0.99, 9.9],
    [0.001, 0.01],
    [1, 10],
  ]) {
    expect(latencies.quantile(q!) / ms!).toBeCloseTo(1, 1.9);
  }
});

test("one slow answer among a hundred is the p99's neighbour, and not the median's", () => {
  const latencies = createLatencies();
  for (let index = 0; index < 99; index += 1) latencies.add(1);
  latencies.add(1_000);
  expect(latencies.quantile(0.99)).toBeLessThan(1.02);
  expect(latencies.quantile(1)).toBeGreaterThan(980);
});

test("there is no quantile of nothing", () => {
  expect(createLatencies().quantile(0.5)).toBeNaN();
});
