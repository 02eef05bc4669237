import { number, percent } from "./report.ts";
import type { GrowthRow } from "./growth-table.ts";
import type { SoakResult } from "./soak-run.ts";

const MOST_SHOWN = 20;

export const soakPassed = ({ failures, violations }: SoakResult): boolean =>
  failures.length === 0 && violations?.length === 0;

const COLUMNS = ["what", "first third", "last third", "most", "allowed", "verdict"] as const;

const cellsOf = ({ name, first, last, most, bound, verdict }: GrowthRow): string[] => [
  name,
  number(first),
  number(last),
  number(most),
  bound,
  verdict,
];

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)));
  return rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index]!)).join("  "));
}

const faultsOf = ({ faults }: SoakResult): string => {
  const sum = [...faults.values()].reduce((all, count) => all + count, 0);
  const kinds = [...faults].toSorted(([a], [b]) => a.localeCompare(b));
  return `${sum} faults: ${kinds.map(([name, count]) => `${name} ×${count}`).join(", ")}`;
};

/** What it comes to, a line for each figure. */
function figuresOf(result: SoakResult): string[] {
  const { settling, availability, requests, violations, samples } = result;
  return [
    violations === undefined
      ? "violations of (a) to (f): not checked, it was stopped before the end"
      : `violations of (a) to (f): ${violations.length}`,
    faultsOf(result),
    `${number(requests)} requests, ${percent(availability)} succeeded`,
    `${number(settling.orders)} orders settled, p50 / p99 / max ${number(settling.p50)} / ${number(settling.p99)} / ${number(settling.max)} ms`,
    `${samples} samples, one a minute, while nothing was broken; medians of the first and the last third`,
  ];
}

const someOf = (all: readonly string[], mark: string): string[] => {
  const more = all.length > MOST_SHOWN ? [`${mark}… and ${all.length - MOST_SHOWN} more`] : [];
  return [...all.slice(0, MOST_SHOWN).map((text) => `${mark}${text}`), ...more];
};

export function soakSummary(result: SoakResult): string[] {
  const { seed, rate, minutes, violations, failures, warnings } = result;
  const wrong = [...(violations ?? []), ...failures].length > 0;
  const outcome = wrong ? "FAILED" : violations ? "ok" : "stopped";
  return [
    `${outcome}: soak of ${minutes.toFixed(1)} min at ${rate} orders/s, seed ${seed}`,
    ...figuresOf(result).map((line) => `  ${line}`),
    ...someOf(violations ?? [], "  violation: "),
    ...someOf(failures, "  failure: "),
    ...someOf(warnings, "  warning: "),
    ...(result.growth.length === 0 ? [] : table([COLUMNS, ...result.growth.map(cellsOf)])).map(
      (line) => `  ${line}`,
    ),
  ];
}

/** For docs/guarantees.md. */
export function soakSection(result: SoakResult): string {
  const { seed, rate, minutes, failures, warnings } = result;
  const date = new Date().toISOString().slice(0, 10);
  const rule = COLUMNS.map(() => "---");
  const rows = [COLUMNS, rule, ...result.growth.map(cellsOf)];
  return [
    `### Seed ${seed}: ${Math.round(minutes)} min at ${rate} orders/s, ${date}`,
    "",
    ...figuresOf(result).map((line) => `- ${line}`),
    ...failures.map((text) => `- **${text}**`),
    ...someOf(warnings, "- warning: "),
    "",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}
