import { expect, test } from "vitest";
import { withResult, type ScenarioRecord } from "./report.ts";

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

const NAMES = ["one", "two", "three"];
const documentOf = (...records: ScenarioRecord[]): string =>
  records.reduce((document, next) => withResult(document, next, NAMES), "");

test("the document says how, on what, when, and with which command each figure can be had again", () => {
  const text = documentOf(record("one"), record("two", { rounds: 1 }));
  expect(text).toContain("# Benchmarks");
  expect(text).toContain("## About one\n\nWhat was sent.\n\n|      | requests/s |");
  expect(text).toContain(
    "2026-01-02 03:04 UTC, commit abc1234, 3 rounds of 10 s (`npm run bench -- --only one`) " +
      "on Some CPU, 2 cores, 16 GB, Debian, Node 24.0.0.",
  );
  expect(text).toContain("1 round of 10 s (`npm run bench -- --only two`)");
});

test("peers that were not there are named with the reason", () => {
  const text = documentOf(record("one", { leftOut: ["KrakenD, not installed"] }));
  expect(text).toContain("Left out: KrakenD, not installed.");
});

test("figures by process are a table of their own", () => {
  const details = {
    columns: [{ key: "cpu", title: "CPU" }],
    rows: [{ name: "gateway", figures: { cpu: 99 } }],
  };
  expect(documentOf(record("one", { details }))).toContain("| gateway |  99 |");
});

test("a result takes the place of the same scenario's last one, and all others stay to the letter", () => {
  const before = documentOf(
    record("one", { machine: { ...machine, cores: 64 } }),
    record("two"),
    record("three", { yardstick: { before: 1_000, after: 2_000 } }),
  );
  const after = withResult(before, record("two", { rounds: 9 }), NAMES);
  expect(after).toBe(
    before.replace(
      "3 rounds of 10 s (`npm run bench -- --only two`)",
      "9 rounds of 10 s (`npm run bench -- --only two`)",
    ),
  );
  expect(after).not.toBe(before);
});

test("scenarios stand in their own order, whichever was measured first, and one that is no more is gone", () => {
  const text = documentOf(record("three"), record("one"));
  expect(text.match(/^## .*/gm)).toEqual(["## About one", "## About three"]);
  expect(withResult(text, record("two"), ["two", "one"]).match(/^## .*/gm)).toEqual([
    "## About two",
    "## About one",
  ]);
});
