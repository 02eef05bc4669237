import type { Machine } from "../figures/machine.ts";
import type { ScenarioRecord } from "./scenario-record.ts";
import { formatFigure, markdownTable } from "./table.ts";

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`; do not edit. Each table says when it was measured, on which commit and machine, and with how many rounds.

How it is measured:

- The command starts everything that it measures: the peers in front of a stub, or a whole system on servers of its own.
- What is compared takes turns, in short runs, and another begins each round. Figures are medians of the rounds; ratios are the
  medians of the ratios within a round, so that a slow moment of the machine meets both sides.
- The load generator is a process of its own on plain sockets with keep-alive. "Saturation" is a closed loop: each connection sends
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
