import { expect, test } from "vitest";
import { inTurn, measure, median, pairedRatio, type Scenario } from "./measure.ts";

const scenarioOf = (
  runs: Record<string, (turn: number) => Record<string, number>>,
  more: Partial<Scenario> = {},
): Scenario => ({
  name: "test",
  title: "A test",
  explanation: "",
  columns: [{ key: "rate", title: "rate" }],
  ratios: [{ key: "rate", title: "ratio", to: "a" }],
  contenders: Object.entries(runs).map(([name, run]) => {
    let turn = 0;
    return { name, run: async () => run(turn++) };
  }),
  leftOut: [],
  ...more,
});
const never = new AbortController().signal;

test("each round begins with another contender", () => {
  expect([0, 1, 2, 3].map((round) => inTurn(["a", "b", "c"], round).join(""))).toEqual([
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
});

test("medians of the rounds, and ratios of what was measured in the same round", async () => {
  const speedOfMachine = [1, 10, 2];
  const scenario = scenarioOf({
    a: (turn) => ({ rate: 100 * speedOfMachine[turn]! }),
    b: (turn) => ({ rate: 150 * speedOfMachine[turn]! }),
  });
  const { rows, rounds, columns } = await measure(scenario, { rounds: 3, seconds: 1 }, never);
  expect(rounds).toBe(3);
  expect(columns.map(({ title }) => title)).toEqual(["rate", "ratio"]);
  expect(rows).toEqual([
    { name: "a", figures: { rate: 200, "rate ratio": 1 } },
    { name: "b", figures: { rate: 300, "rate ratio": 1.5 } },
  ]);
});

test("what must never happen is not hidden by a median", async () => {
  const columns = [{ key: "mistakes", title: "mistakes", worst: true }] as const;
  const scenario = scenarioOf(
    { a: (turn) => ({ mistakes: [0, 2, 0][turn]! }) },
    { columns, ratios: [] },
  );
  const { rows } = await measure(scenario, { rounds: 3, seconds: 1 }, never);
  expect(rows).toEqual([{ name: "a", figures: { mistakes: 2 } }]);
});

test("figures by process become a table of their own, a row for each process", async () => {
  const figures = { rate: 1, "cpu gateway": 50, "memory gateway": 120 };
  const scenario = scenarioOf({ a: () => figures }, { processes: ["gateway"] });
  const { details } = await measure(scenario, { rounds: 1, seconds: 1 }, never);
  expect(details!.rows).toEqual([
    { name: "gateway", figures: { "cpu a": 50, "memory a": 120, "half memory a": Number.NaN } },
  ]);
});

test("a stop ends it before the next run", async () => {
  const stop = new AbortController();
  const runs: string[] = [];
  const scenario = scenarioOf({
    a: () => {
      runs.push("a");
      stop.abort(new Error("stopped"));
      return { rate: 1 };
    },
    b: () => {
      runs.push("b");
      return { rate: 1 };
    },
  });
  const measuring = measure(scenario, { rounds: 1, seconds: 1 }, stop.signal);
  await expect(measuring).rejects.toThrow("stopped");
  expect(runs).toEqual(["a"]);
});

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
