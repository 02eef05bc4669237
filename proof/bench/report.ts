import type { Machine } from "./machine.ts";

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly digits?: number;
  /** The highest of all runs instead of the median, which would hide a single one that went wrong. */
  readonly worst?: true;
}

/** Figures that could not be had are NaN. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly {
    readonly name: string;
    readonly figures: Readonly<Record<string, number>>;
  }[];
}

/** The last result of a scenario, medians only. */
export interface ScenarioRecord extends Table {
  readonly name: string;
  readonly title: string;
  readonly explanation: string;
  readonly leftOut: readonly string[];
  /** By process. */
  readonly details?: Table;
  readonly rounds: number;
  readonly seconds: number;
  readonly measuredAt: string;
  readonly machine: Machine;
  /** Of a bare Node server, before the first round and after the last. */
  readonly yardstick?: { readonly before: number; readonly after: number };
}

const MISSING = "–";

export function formatFigure(value: number | undefined, digits = 0): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** With more columns than this a table does not fit a page: each figure then gets a row, each contender a column. */
const MOST_COLUMNS = 9;

/** As oxfmt would write it: columns as wide as their widest cell, figures to the right. */
export function markdownTable(table: Table): string {
  const cells = cellsOf(table);
  return layOut(table.columns.length > MOST_COLUMNS ? turned(cells) : cells);
}

const cellsOf = ({ columns, rows }: Table): string[][] => [
  ["", ...columns.map(({ title }) => title)],
  ...rows.map(({ name, figures }) => [
    name,
    ...columns.map(({ key, digits }) => formatFigure(figures[key], digits)),
  ]),
];

const turned = (cells: readonly string[][]): string[][] =>
  cells[0]!.map((_, column) => cells.map((row) => row[column]!));

function layOut(cells: readonly string[][]): string {
  const widths = cells[0]!.map((_, column) =>
    Math.max(3, ...cells.map((row) => row[column]!.length)),
  );
  const line = (row: readonly string[]): string => {
    const padded = row.map((text, column) =>
      column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!),
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  const [head, ...body] = cells;
  return [line(head!), `| ${rule.join(" | ")} |`, ...body.map(line)].join("\n");
}

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`; do not edit. Each table says when it was measured, on which commit and machine, and with how many rounds.

How it is measured:

- The command starts everything that it measures: the peers in front of a stub, or a whole system on servers of its own.
- What is compared takes turns, in short runs, and another begins each round. Figures are medians of the rounds; ratios are the
  medians of the ratios within a round, so that a slow moment of the machine meets both sides.
- The load generator is a process of its own on kept connections of undici. "Saturation" is a closed loop: each connection sends
  its next request when it has the answer to its last. At a fixed rate, a latency counts from the moment at which the request should
  have gone out, so that a stall shows in every request that it holds up; the generator's own timer and its wait for a core count as well.
- On Linux all of it is scheduled as batch work (\`chrt --batch\`), the load generator included: it interrupts nobody whom it measures.
- CPU is what the system has booked to a process and all that it has started (Linux). It is the figure that other work on the machine
  disturbs least.
- The yardstick under each table is a bare Node HTTP server on one core, loaded from another, just before and after: how fast the
  machine was. Rates and times of different machines, or of a shared machine on different days, compare by it.
- Everything is as \`npm start\` runs it (but without a log line for each slow request): durable PostgreSQL, quorum queues, publisher confirms, outbox, every check.

What the gateway's peers do and do not do:

- All stand in front of the same stub, which answers in an instant what our services answer, and all get the same bytes from the client. Each
  is one process on one core of its own where \`taskset\` exists; stub and load generator use the others (on two cores they share
  the second one, so that the fastest peer may be held back by them: look at its CPU, not at its rate).
- All keep up to 256 connections to the stub open. Otherwise they are set up as their documentation recommends, with access logs off.
- Ours validates the request, checks method, path and headers, gives it an id, wraps the answer in the envelope, counts it in its metrics, and
  has a deadline, a breaker and a retry budget. "Everything on" adds JWT, rate limit, CORS and the internal token. The peers do
  none of this: they pass bytes on.
- KrakenD's aggregation asks the same two addresses and merges the two answers; it decodes and encodes them as JSON. Where no
  \`krakend\` is installed, its engine and router are built from their Go modules (\`bench/krakend\`), without its plugins.`;

const SECTION = /^(?=## )/m;
/** In the line that ends a section. */
const NAME = /^\d{4}-.* \(`npm run bench -- --only (\S+)`\)/m;

/** The document with a scenario's last result in it; what it says of the others stays, whoever measured that, and where. */
export function withResult(
  document: string,
  record: ScenarioRecord,
  names: readonly string[],
): string {
  const sections = new Map(
    document
      .replaceAll("\r\n", "\n")
      .split(SECTION)
      .map((text) => [NAME.exec(text)?.[1], text.trimEnd()] as const),
  );
  sections.set(record.name, section(record));
  const kept = names.flatMap((name) => sections.get(name) ?? []);
  return `${[INTRODUCTION, ...kept].join("\n\n")}\n`;
}

export const yardstickLine = ({
  before,
  after,
}: NonNullable<ScenarioRecord["yardstick"]>): string =>
  `Yardstick: a bare Node server answered ${formatFigure(before)} requests/s before, ${formatFigure(after)} after.`;

function section(record: ScenarioRecord): string {
  const { rounds, seconds, measuredAt, machine } = record;
  const when = `${measuredAt.slice(0, 16).replace("T", " ")} UTC, commit ${machine.commit}`;
  const how = `${rounds} ${rounds === 1 ? "round" : "rounds"} of ${seconds} s`;
  return [
    `## ${record.title}`,
    record.explanation,
    markdownTable(record),
    ...(record.details ? ["By process:", markdownTable(record.details)] : []),
    ...(record.yardstick ? [yardstickLine(record.yardstick)] : []),
    ...record.leftOut.map((reason) => `Left out: ${reason}.`),
    `${when}, ${how} (\`npm run bench -- --only ${record.name}\`) on ${machineInWords(machine)}.`,
  ].join("\n\n");
}

const machineInWords = ({ cpu, cores, memoryGb, system, node }: Machine): string =>
  `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, ${memoryGb} GB, ${system}, Node ${node}`;
