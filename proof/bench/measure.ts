import { say } from "local-stack/terminal/say";
import { describeMachine } from "./machine.ts";
import { formatFigure, type Column, type ScenarioRecord, type Table } from "./report.ts";

/** What one run of one contender gave, by the column's key. */
export type Figures = Readonly<Record<string, number>>;

/** One of those that are compared; a scenario may also have just one. */
export interface Contender {
  readonly name: string;
  run(signal: AbortSignal): Promise<Figures>;
}

export interface Ratio {
  readonly key: string;
  readonly title: string;
  /** The contender that has 1.00. */
  readonly to: string;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** For the reader of the table: what was sent, and what the columns mean. */
  readonly explanation: string;
  readonly columns: readonly Column[];
  readonly ratios: readonly Ratio[];
  readonly contenders: readonly Contender[];
  /** Who should be there and is not, and why. */
  readonly leftOut: readonly string[];
  /** Whose CPU and memory are in the figures as well, for a table of their own. */
  readonly processes?: readonly string[];
}

/** Runs a scenario while what it needs is up; the signal says when to stop. */
export type UseScenario = (scenario: Scenario, signal: AbortSignal) => Promise<void>;

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/**
 * How `values` compares with `baseline`: the median of the ratios of those measured next to each other. What slows the machine
 * down for a while slows both.
 */
export const pairedRatio = (values: readonly number[], baseline: readonly number[]): number =>
  median(values.map((value, round) => value / (baseline[round] ?? Number.NaN)));

/** Contenders take turns, and another begins each round, so that whatever changes on the machine meets all of them. */
export function inTurn<T>(contenders: readonly T[], round: number): T[] {
  const first = round % contenders.length;
  return [...contenders.slice(first), ...contenders.slice(0, first)];
}

export async function measure(
  scenario: Scenario,
  settings: Settings,
  signal: AbortSignal,
): Promise<ScenarioRecord> {
  say(`\n${scenario.title}`);
  const runs = new Map<string, Figures[]>(scenario.contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < settings.rounds; round += 1) {
    for (const contender of inTurn(scenario.contenders, round)) {
      signal.throwIfAborted();
      const figures = await contender.run(signal);
      runs.get(contender.name)!.push(figures);
      say(lineOf(scenario, contender, figures, round));
    }
  }
  return recordOf(scenario, settings, runs);
}

function lineOf({ columns }: Scenario, { name }: Contender, figures: Figures, round: number) {
  const texts = columns.map(
    ({ key, title, digits }) => `${title} ${formatFigure(figures[key] ?? Number.NaN, digits)}`,
  );
  return `  ${round + 1}  ${name}: ${texts.join(", ")}`;
}

function recordOf(
  scenario: Scenario,
  settings: Settings,
  runs: ReadonlyMap<string, readonly Figures[]>,
): ScenarioRecord {
  const { name, title, explanation, columns, ratios, contenders, leftOut } = scenario;
  const valuesOf = (contender: string, key: string): number[] =>
    (runs.get(contender) ?? []).map((figures) => figures[key] ?? Number.NaN);
  const details = scenario.processes && detailsOf(scenario.processes, contenders, valuesOf);
  const ratioKey = (key: string): string => `${key} ratio`;
  return {
    name,
    title,
    explanation,
    leftOut: [...leftOut],
    columns: [
      ...columns,
      ...ratios.map((ratio) => ({ key: ratioKey(ratio.key), title: ratio.title, digits: 2 })),
    ],
    rows: contenders.map((contender) => ({
      name: contender.name,
      figures: Object.fromEntries([
        ...columns.map(({ key, worst }) => {
          const values = valuesOf(contender.name, key);
          return [key, worst ? Math.max(...values) : median(values)];
        }),
        ...ratios.map(({ key, to }) => [
          ratioKey(key),
          pairedRatio(valuesOf(contender.name, key), valuesOf(to, key)),
        ]),
      ]) as Record<string, number>,
    })),
    ...(details && { details }),
    ...settings,
    measuredAt: new Date().toISOString(),
    machine: describeMachine(),
  };
}

const DETAILS = [
  { kind: "cpu", title: "CPU per order, µs" },
  { kind: "half memory", title: "memory half-way, MB" },
  { kind: "memory", title: "memory at the end, MB" },
];

/** A row for each process; for each contender its columns. */
function detailsOf(
  processes: readonly string[],
  contenders: readonly Contender[],
  valuesOf: (contender: string, key: string) => number[],
): Table {
  const columns = contenders.flatMap(({ name }) =>
    DETAILS.map(({ kind, title }) => ({
      key: `${kind} ${name}`,
      title: contenders.length === 1 ? title : `${title}, ${name}`,
    })),
  );
  const rows = processes.map((process) => ({
    name: process,
    figures: Object.fromEntries(
      contenders.flatMap(({ name }) =>
        DETAILS.map(({ kind }) => [
          `${kind} ${name}`,
          median(valuesOf(name, `${kind} ${process}`)),
        ]),
      ),
    ) as Record<string, number>,
  }));
  return { columns, rows };
}
