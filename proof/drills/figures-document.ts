import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOGUE } from "./catalogue.ts";
import { figuresOf, type DrillResult } from "./run-drill.ts";

const FILE = join(import.meta.dirname, "..", "docs", "drills.md");
const [BEGIN, END] = ["<!-- drills: figures -->", "<!-- drills: end -->"];
const HEAD = [
  "| drill | what happens | violations | orders settled | settled p50 / p99 / max | succeeded | answers p99 | first settled / at rest | last run |",
  "|---|---|---|---|---|---|---|---|---|",
];

/** Writes the rows of the drills that ran; the others keep theirs. */
export function writeFigures(results: readonly DrillResult[]): void {
  const text = readFileSync(FILE, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  const before = text.slice(from, to).split("\n");
  const rows = CATALOGUE.flatMap(({ id, name }) => {
    const start = `| ${id} \`${name}\` |`;
    const result = results.find(({ drill }) => drill.name === name);
    const old = before.find((line) => line.replaceAll(/ +/g, " ").startsWith(start));
    return result ? rowOf(start, result) : (old ?? []);
  });
  const table = [BEGIN, "", ...HEAD, ...rows, "", END].join("\n");
  writeFileSync(FILE, text.slice(0, from) + table + text.slice(to + END.length));
}

function rowOf(start: string, result: DrillResult): string {
  const { drill, seed, rate, patience, failed, warned, notes } = result;
  const complaints = [...failed, ...warned].map((text) => `**${text}**`);
  const what = [drill.title, ...notes, ...complaints].join("; ");
  const load = rate > 0 ? `${rate} orders/s, ` : "";
  const limits = patience > 1 ? `, limits of time ×${patience}` : "";
  const run = `${new Date().toISOString().slice(0, 10)}, ${load}seed ${seed}${limits}`;
  return `${start} ${[what, ...figuresOf(result), run].join(" | ")} |`;
}
