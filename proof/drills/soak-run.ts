import { violations } from "@shop/test-support/checker";
import { waitUntil } from "local-stack/processes/wait-until";
import { untilAtRest, left } from "./at-rest.ts";
import type { Wanted } from "./command-line.ts";
import type { Drill, Heard } from "./drill.ts";
import { settling, type Settling } from "./figures.ts";
import { createGrowthTable, type GrowthRow } from "./growth-table.ts";
import { openScene, openStage, play } from "./scene.ts";
import type { DrillSystem } from "./system.ts";
import { tell } from "./terminal.ts";
import { availability, checkTheDoor, unexpected } from "./verdict.ts";
import { warmUp } from "./warm-up.ts";

/** Short forms, so that the system is well for most of the time: still longer than heartbeats and time-outs. */
const PACE = { instants: 2, time: 0.4 };
const CALM_LIMIT_MS = 120_000;
const REST_LIMIT_MS = 180_000;
/** Entries of caches live for 5 s, whatever Redis has missed. */
const CACHES_MAY_LAG_MS = 11_000;

export interface SoakResult {
  readonly seed: number;
  readonly rate: number;
  /** Of load, with all faults. */
  readonly minutes: number;
  /** By the names of the drills. */
  readonly faults: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  /** Nothing when the user ended it before the checks. */
  readonly violations: readonly string[] | undefined;
  readonly requests: number;
  readonly availability: number;
  readonly settling: Settling;
  readonly growth: readonly GrowthRow[];
  readonly samples: number;
}

export type SoakRun = Awaited<ReturnType<typeof startSoak>>;

/** One load, one ledger and one system, through many faults. */
export async function startSoak(
  system: DrillSystem,
  wanted: Wanted & { rate: number },
  signal: AbortSignal,
) {
  const { seed, rate, patience } = wanted;
  const stage = await openStage(system, { seed, rate, signal });
  const { load, ledger, since } = stage;
  const startedAt = performance.now();
  const growth = createGrowthTable(rate);
  const faults = new Map<string, number>();
  const failures: string[] = [];
  const warnings: string[] = [];
  let before: Drill | undefined;

  /** What was heard since these lengths, measured by what this fault and the one before it allow. */
  const judge = (drill: Drill, orders: number, others: number): void => {
    const entries = ledger.entries.slice(orders);
    const heard = load.heard.slice(others);
    const last = before;
    const tolerates = (one: Heard) => drill.tolerates(one) || last?.tolerates(one) === true;
    const { refused, wrong } = unexpected(tolerates, { ledger: { entries }, load: { heard } });
    failures.push(...wrong.map((text) => `${drill.name}: ${text}`));
    warnings.push(...refused.map((text) => `${drill.name}: ${text}`));
  };

  await warmUp(openScene(stage, { ...PACE, patience }).scene);
  return {
    /** One fault, healed and calm again, with a sample when one is due. */
    async suffer(drill: Drill): Promise<void> {
      const orders = ledger.entries.length;
      const others = load.heard.length;
      const { scene, outcome } = openScene(stage, { ...PACE, patience });
      faults.set(drill.name, (faults.get(drill.name) ?? 0) + 1);
      await play(drill, scene, outcome);
      failures.push(...outcome.failed.map((text) => `${drill.name}: ${text}`));
      warnings.push(...outcome.slow.map((text) => `${drill.name}: ${text}`));
      await untilCalm(system, rate, signal).catch((error: Error) => {
        signal.throwIfAborted();
        failures.push(`${drill.name}: ${error.message}`);
      });
      judge(drill, orders, others);
      before = drill;
      tell(`  ${minutesSince(startedAt)} min  ${drill.name}: ${outcome.notes.join(" · ")}`);
      if (growth.isDue()) await growth.take(system);
    },
    failed: () => failures.length > 0,
    orders: () => ledger.entries.length,
    async end(): Promise<SoakResult> {
      const minutes = (performance.now() - startedAt) / 60_000;
      if (!signal.aborted && growth.taken === 0) await growth.take(system);
      const found = await check();
      const rows = growth.rows();
      const grown = rows
        .filter(({ fails }) => fails)
        .map(({ name, verdict }) => `${name}: ${verdict}`);
      return {
        seed,
        rate,
        minutes,
        faults,
        failures: [...failures, ...grown],
        warnings,
        violations: found,
        requests: ledger.entries.length + load.heard.length,
        availability: availability({ ledger, load }),
        settling: await settling(system.truth.orders, since).catch(() => NOT_READ),
        growth: rows,
        samples: growth.taken,
      };
    },
  };

  /** (a) to (f); none of them when the user wants an end. */
  async function check(): Promise<string[] | undefined> {
    try {
      await load.stop();
      signal.throwIfAborted();
      const atRest = await untilAtRest(system, REST_LIMIT_MS, signal);
      if (atRest === undefined) failures.push(`not at rest: ${(await left(system)).join(", ")}`);
      await system.ready(signal);
      const { scene } = openScene(stage, { ...PACE, patience });
      const found = await violations(system.truth, ledger, since);
      return [...found, ...(await checkTheDoor(scene, CACHES_MAY_LAG_MS))];
    } catch (error) {
      if (!signal.aborted) failures.push(`not checked: ${(error as Error).message}`);
      return undefined;
    }
  }
}

const NOT_READ: Settling = { orders: 0, p50: 0, p99: 0, max: 0 };

const minutesSince = (startedAt: number): string =>
  ((performance.now() - startedAt) / 60_000).toFixed(1).padStart(5);

/** Healed: all is well, and less than what comes in a second is left. */
async function untilCalm(system: DrillSystem, rate: number, signal: AbortSignal): Promise<void> {
  await system.ready(signal);
  const few = async (sql: DrillSystem["truth"]["orders"], text: string): Promise<boolean> =>
    (await sql(`SELECT 1 FROM ${text} LIMIT $1`, [rate + 1])).length <= rate;
  await waitUntil(
    async () => {
      const { orders, products } = system.truth;
      const calm = [
        few(orders, "orders WHERE status = 'pending'"),
        few(orders, "outbox"),
        few(products, "outbox"),
      ];
      return (await Promise.all(calm)).every(Boolean);
    },
    { what: "the system is calm again", timeoutMs: CALM_LIMIT_MS, signal },
  );
}
