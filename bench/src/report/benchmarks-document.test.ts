import { expect, test } from "vitest";
import { benchmarksDocument } from "./benchmarks-document.ts";
import type { ScenarioRecord } from "./scenario-record.ts";

const machine = {
  cpu: "Some CPU",
  cores: 2,
  memoryGb: 16,
  system: "Debian",
  node: "24.0.0",
  commit: "abc1234",
};
const record = (name: string, more: Partial<ScenarioRecord> = {}): ScenarioRecord => ({
  name,
  title: `About ${name}`,
  explanation: "What was sent.",
  leftOut: [],
  columns: [{ key: "rate", title: "requests/s" }],
  rows: [{ name: "ours", figures: { rate: 100 } }],
  rounds: 3,
  seconds: 10,
  measuredAt: "2026-01-02T03:04:05.678Z",
  machine,
  ...more,
});

test("the document says how, on what, when, and with which command each figure can be had again", () => {
  const text = benchmarksDocument([record("one"), record("two", { rounds: 1 })]);
  expect(text).toContain("# Benchmarks");
  expect(text).toContain("Machine: Some CPU, 2 cores, 16 GB, Debian, Node 24.0.0.");
  expect(text).toContain("## About one\n\nWhat was sent.\n\n|      | requests/s |");
  expect(text).toContain("2026-01-02 03:04 UTC, commit abc1234, 3 rounds of 10 s");
  expect(text).toContain("1 round of 10 s (`npm run bench -- --only two`)");
  expect(text.match(/Machine:/g)).toHaveLength(1);
});

test("peers that were not there are named with the reason", () => {
  const text = benchmarksDocument([record("one", { leftOut: ["KrakenD, not installed"] })]);
  expect(text).toContain("Left out: KrakenD, not installed.");
});

test("figures by process are a table of their own", () => {
  const details = {
    columns: [{ key: "cpu", title: "CPU" }],
    rows: [{ name: "gateway", figures: { cpu: 99 } }],
  };
  expect(benchmarksDocument([record("one", { details })])).toContain("| gateway |  99 |");
});

test("a figure from another machine than the last one's says so", () => {
  const older = record("one", {
    measuredAt: "2026-01-01T00:00:00.000Z",
    machine: { ...machine, cores: 64 },
  });
  const text = benchmarksDocument([older, record("two")]);
  expect(text.indexOf("2 cores")).toBeLessThan(text.indexOf("## About one"));
  expect(text.indexOf("64 cores")).toBeGreaterThan(text.indexOf("## About one"));
});
