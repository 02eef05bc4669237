import { violations } from "@shop/test-support/checker";
import { randomOf, shuffle } from "@shop/test-support/random";
import { waitUntil } from "local-stack/processes/wait-until";
import type { Drill, Wanted } from "./drill.ts";
import { createGrowthTable, type GrowthRow } from "./growth.ts";
import type { Heard } from "./load.ts";
import { keepLogs, onOneSystem, print, printProgress } from "./own-system.ts";
import { number, percent } from "./run-drill.ts";
import { openScene, openStage, play, warmUp, type Stage } from "./scene.ts";
import { left, untilAtRest, type DrillSystem } from "./system.ts";
import { availability, checkTheDoor, settlingOf, unexpected } from "./verdict.ts";

/** What may happen to a system that goes on working. */
const FAULTS: readonly string[] = [
  "kill-order-service",
  "kill-product-service",
  "kill-gateway",
  "die-in-between",
  "kill-rabbitmq",
  "freeze-rabbitmq",
  "rabbitmq-alarm",
  "lose-a-queue",
  "stop-order-db",
  "stop-product-db",
  "cut-database-connections",
  "freeze-a-lock-holder",
  "kill-redis",
  "freeze-redis",
  "flap-redis",
];
const DEFAULT_RATE = 500;
/** Short forms, so that the system is well for most of the time: still longer than heartbeats and timeouts. */
const PACE = { instants: 2, time: 0.4 };
const LIMIT_MS = { calm: 120_000, rest: 180_000 };
/** Entries of caches live for 5 s, whatever Redis has missed. */
const CACHES_MAY_LAG_MS = 11_000;
const PROGRESS_EVERY_MS = 1_000;

interface Findings {
  readonly failures: string[];
  readonly warnings: string[];
  /** By the names of the drills. */
  readonly faults: Map<string, number>;
}

/** Random faults under one load until the time is up or something fails; then all checks. Hands back the exit code. */
export async function soak(catalogue: readonly Drill[], wanted: Wanted): Promise<number> {
  const rate = wanted.rate ?? DEFAULT_RATE;
  let passed = false;
  const stopped = await onOneSystem({ changes: "can-crash" }, async (system, signal) => {
    const stage = await openStage(system, { seed: wanted.seed, rate, signal });
    const findings: Findings = { failures: [], warnings: [], faults: new Map() };
    const growth = createGrowthTable(rate);
    const startedAt = performance.now();
    await warmUp(sceneOf(stage, wanted).scene);
    const nextFault = randomFaults(catalogue, randomOf(wanted.seed + 2));
    const until = startedAt + wanted.minutes * 60_000;
    let before: Drill | undefined;
    while (performance.now() < until && findings.failures.length === 0 && !signal.aborted) {
      const drill = nextFault();
      await suffer(stage, { drill, before, findings, wanted });
      before = drill;
      if (growth.isDue()) await growth.take(system);
    }
    print("  checking");
    const found = await check(stage, wanted, findings);
    const grown = growth.rows().filter(({ fails }) => fails);
    for (const { name, verdict } of grown) findings.failures.push(`${name}: ${verdict}`);
    passed = found?.length === 0 && findings.failures.length === 0;
    if (!passed && !signal.aborted) keepLogs(system, { name: "soak" });
    const minutes = (performance.now() - startedAt) / 60_000;
    print(
      `${passed ? "ok" : "FAILED"}: ${minutes.toFixed(1)} min at ${rate}/s, seed ${wanted.seed}`,
    );
    for (const line of await summary(stage, findings, found)) print(`  ${line}`);
    for (const line of table(growth.rows())) print(`  ${line}`);
  });
  return passed && !stopped ? 0 : 1;
}

const sceneOf = (stage: Stage, { patience }: Wanted) => openScene(stage, { ...PACE, patience });

/** One after the other in random order, all of them before any comes again. */
function randomFaults(catalogue: readonly Drill[], random: () => number): () => Drill {
  const faults = FAULTS.map((name) => catalogue.find((drill) => drill.name === name)!);
  let bag: Drill[] = [];
  return () => {
    if (bag.length === 0) bag = shuffle(faults, random);
    return bag.pop()!;
  };
}

interface Fault {
  readonly drill: Drill;
  readonly before: Drill | undefined;
  readonly findings: Findings;
  readonly wanted: Wanted;
}

/** One fault, healed and calm again. */
async function suffer(stage: Stage, { drill, before, findings, wanted }: Fault): Promise<void> {
  const { failures, warnings, faults } = findings;
  const { system, load, ledger, rate, signal } = stage;
  const [orders, others] = [ledger.entries.length, load.heard.length];
  const { scene, outcome } = sceneOf(stage, wanted);
  faults.set(drill.name, (faults.get(drill.name) ?? 0) + 1);
  const ticking = setInterval(
    () => printProgress(`soak, ${drill.name}: ${ledger.entries.length} orders asked for`),
    PROGRESS_EVERY_MS,
  );
  try {
    await play(drill, scene, outcome);
    await untilCalm(system, rate, signal).catch((error: Error) => {
      outcome.failed.push(error.message);
    });
  } finally {
    clearInterval(ticking);
  }
  if (signal.aborted) return;
  // By what this fault and the one before it allow.
  const tolerates = (one: Heard) => drill.tolerates(one) || before?.tolerates(one) === true;
  const { refused, wrong } = unexpected(tolerates, {
    ledger: { entries: ledger.entries.slice(orders) },
    load: { heard: load.heard.slice(others) },
  });
  failures.push(...[...outcome.failed, ...wrong].map((text) => `${drill.name}: ${text}`));
  warnings.push(...[...outcome.slow, ...refused].map((text) => `${drill.name}: ${text}`));
  print(`  ${drill.name}: ${outcome.notes.join(" · ")}`);
}

/** Healed: all is well, and less than what comes in a second is left. */
async function untilCalm(system: DrillSystem, rate: number, signal: AbortSignal): Promise<void> {
  await system.ready(signal);
  const { orders, products } = system.truth;
  const few = async (sql: typeof orders, text: string): Promise<boolean> =>
    (await sql(`SELECT 1 FROM ${text} LIMIT $1`, [rate + 1])).length <= rate;
  const isCalm = async (): Promise<boolean> =>
    (await few(orders, "orders WHERE status = 'pending'")) &&
    (await few(orders, "outbox")) &&
    (await few(products, "outbox"));
  const wait = { what: "the system is calm again", timeoutMs: LIMIT_MS.calm, signal };
  await waitUntil(isCalm, wait);
}

/** (a) to (f); nothing when the user wants an end. */
async function check(
  stage: Stage,
  wanted: Wanted,
  { failures }: Findings,
): Promise<string[] | undefined> {
  const { system, load, ledger, since, signal } = stage;
  try {
    await load.stop();
    signal.throwIfAborted();
    const atRest = await untilAtRest(system, LIMIT_MS.rest, signal);
    if (atRest === undefined) failures.push(`not at rest: ${(await left(system)).join(", ")}`);
    await system.ready(signal);
    const found = await violations(system.truth, ledger, since);
    return [...found, ...(await checkTheDoor(sceneOf(stage, wanted).scene, CACHES_MAY_LAG_MS))];
  } catch (error) {
    if (!signal.aborted) failures.push(`not checked: ${(error as Error).message}`);
    return undefined;
  }
}

async function summary(
  { system, load, ledger, since }: Stage,
  { failures, warnings, faults }: Findings,
  found: readonly string[] | undefined,
): Promise<string[]> {
  const settled = await settlingOf(system.truth.orders, since).catch(() => undefined);
  const requests = ledger.entries.length + load.heard.length;
  return [
    found ? `${found.length} violations of (a) to (f)` : "(a) to (f) were not checked",
    `faults: ${[...faults].map(([name, count]) => `${name} ×${count}`).join(", ")}`,
    `${number(requests)} requests, ${percent(availability({ ledger, load }))} succeeded`,
    settled
      ? `orders settled p50 / p99 / max ${settled.p50} / ${settled.p99} / ${settled.max} ms`
      : "",
    ...(found ?? []).map((text) => `violation: ${text}`),
    ...failures.map((text) => `failure: ${text}`),
    ...warnings.map((text) => `warning: ${text}`),
  ];
}

/** Medians of the first and the last third of the samples, one a minute, taken while nothing is broken. */
function table(rows: readonly GrowthRow[]): string[] {
  const cells = [
    ["what", "first third", "last third", "most", "allowed", "verdict"],
    ...rows.map(({ name, first, last, most, bound, verdict }) => [
      name,
      ...[first, last, most].map(number),
      bound,
      verdict,
    ]),
  ];
  const widths = cells[0]!.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  return cells.map((row) => row.map((cell, at) => cell.padEnd(widths[at]!)).join("  "));
}
