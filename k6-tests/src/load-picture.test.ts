import { expect, test } from "vitest";
import { drawLoad } from "./load-picture.ts";
import { pointsOf } from "./load-points.ts";
import { recorded } from "./recorded.fixture.ts";

test("The points of a run rise to its rate and stay there", () => {
  const points = pointsOf(recorded("orders-k6-1").metrics);
  expect(points.map(({ fromSeconds }) => fromSeconds)).toEqual([0, 2, 4, 6, 8, 10, 12]);
  const rates = points.map(({ rate }) => rate);
  expect(rates.slice(0, 5)).toEqual(rates.slice(0, 5).toSorted((a, b) => a - b));
  for (const rate of rates.slice(-2)) expect(Math.abs(rate - 50)).toBeLessThan(2);
});

test.each(["orders-k6-1", "orders-k6-2"] as const)("%s is drawn, each figure a number", (name) => {
  const svg = drawLoad(recorded(name));
  expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/);
  expect(svg).toContain("orders: 50/s for 4 s");
  expect(svg).toContain("stock adds up");
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  const lines = svg.split("\n").filter((line) => line.includes('stroke-width="2"'));
  expect(lines).toHaveLength(name === "orders-k6-1" ? 3 : 2);
  for (const line of lines) expect(line.match(/L/g)).toHaveLength(6);
});

test("A run without points can't be drawn", () => {
  expect(() => drawLoad(recorded("smoke-k6-1"))).toThrow("no points");
});
