import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { CATALOGUE } from "./catalogue.ts";
import { figuresOf } from "./report.ts";
import type { DrillResult } from "./run-drill.ts";
import { soakSection } from "./soak-report.ts";
import type { SoakResult } from "./soak-run.ts";

const FILE = join(CHECKOUT, "docs", "guarantees.md");
const [BEGIN, END] = ["<!-- drills: figures -->", "<!-- drills: end -->"];
const SOAKS_END = "<!-- soaks: end -->";
const HEAD = [
  "| drill | what happens | violations | orders settled | settled p50 / p99 / max | succeeded | answers p99 | first settled / at rest | last run |",
  "|---|---|---|---|---|---|---|---|---|",
];

/** The rows of the drills that ran; the others keep theirs. */
export function writeGuarantees(results: readonly DrillResult[]): void {
  const text = readFileSync(FILE, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < 0) throw new Error(`${FILE} has no place for the figures`);
  const before = text.slice(from, to).split("\n");
  const rows = CATALOGUE.flatMap(({ id, name }) => {
    const start = `| ${id} \`${name}\` |`;
    const result = results.find(({ drill }) => drill.name === name);
    const row = result
      ? rowOf(start, result)
      : before.find((line) => line.replaceAll(/ +/g, " ").startsWith(start));
    return row === undefined ? [] : [row];
  });
  const table = [BEGIN, "", ...HEAD, ...rows, "", END].join("\n");
  writeFileSync(FILE, text.slice(0, from) + table + text.slice(to + END.length));
}

function rowOf(start: string, result: DrillResult): string {
  const { drill, seed, rate, patience, failed, warned, notes } = result;
  const what = [drill.title, ...notes, ...[...failed, ...warned].map((text) => `**${text}**`)].join(
    "; ",
  );
  const date = new Date().toISOString().slice(0, 10);
  const load = rate > 0 ? `${rate} orders/s, ` : "";
  const limits = patience > 1 ? `, limits of time ×${patience}` : "";
  const run = `${date}, ${load}seed ${seed}${limits}`;
  return `${start} ${[what, ...figuresOf(result), run].join(" | ")} |`;
}

/** A section for each seed: the same seed again replaces its own. */
export function writeSoak(result: SoakResult): void {
  const text = readFileSync(FILE, "utf8");
  const [begin, end] = [`<!-- soak: ${result.seed} -->`, `<!-- soak: ${result.seed} end -->`];
  const section = [begin, "", soakSection(result), "", end].join("\n");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from >= 0 && to >= 0) {
    writeFileSync(FILE, text.slice(0, from) + section + text.slice(to + end.length));
    return;
  }
  if (!text.includes(SOAKS_END)) throw new Error(`${FILE} has no place for a soak`);
  writeFileSync(
    FILE,
    text.replace(SOAKS_END, () => `${section}\n\n${SOAKS_END}`),
  );
}
