import { expect, test } from "vitest";
import { formatFigure, markdownTable } from "./table.ts";

test("figures have their digits, thousands are marked, and what is missing is a dash", () => {
  expect(formatFigure(12_345.6)).toBe("12,346");
  expect(formatFigure(0.9, 2)).toBe("0.90");
  expect([Number.NaN, undefined, Infinity].map((each) => formatFigure(each))).toEqual(
    Array(3).fill("–"),
  );
});

test("a table has a row for each contender, and lines up", () => {
  const columns = [
    { key: "rate", title: "requests/s" },
    { key: "ratio", title: "ratio", digits: 2 },
  ];
  const rows = [
    { name: "ours", figures: { rate: 10_426, ratio: 1.04 } },
    { name: "a peer", figures: { rate: 9_552.4, ratio: Number.NaN } },
  ];
  expect(markdownTable({ columns, rows }).split("\n")).toEqual([
    "|        | requests/s | ratio |",
    "| ------ | ---------: | ----: |",
    "| ours   |     10,426 |  1.04 |",
    "| a peer |      9,552 |     – |",
  ]);
});

test("a table with too many figures for a page is turned round", () => {
  const columns = Array.from({ length: 10 }, (_, index) => ({
    key: `k${index}`,
    title: `t${index}`,
  }));
  const figures = Object.fromEntries(columns.map(({ key }, index) => [key, index]));
  const lines = markdownTable({ columns, rows: [{ name: "ours", figures }] }).split("\n");
  expect(lines[0]).toBe("|     | ours |");
  expect(lines.at(-1)).toBe("| t9  |    9 |");
  expect(lines.length).toBe(12);
});
