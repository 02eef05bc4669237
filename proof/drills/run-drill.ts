import { violations as findViolations } from "@shop/test-support/checker";
import type { Drill } from "./drill.ts";
import { openScene, openStage, play, warmUp, type Pace } from "./scene.ts";
import { left, untilAtRest, type DrillSystem } from "./system.ts";
import {
  availability,
  checkTheDoor,
  everythingHeard,
  firstSettledAfter,
  quantile,
  settlingOf,
  unexpected,
  type Settling,
} from "./verdict.ts";

const DEFAULT_RATE = 500;
const AFTERMATH_MS = 3_000;
/** The reconciler's first wait, and all that an outage has left. */
const REST_LIMIT_MS = 120_000;
export interface RunOptions extends Pace {
  readonly seed: number;
  readonly rate: number | undefined;
  /** What is late, or refused under pressure, is a warning. */
  readonly lenient?: boolean;
  /** In place of the drill's own word. */
  readonly cachesMayLagMs?: number | undefined;
  readonly restLimitMs?: number;
  readonly signal: AbortSignal;
  readonly progress: (doing: string) => void;
}

export interface DrillResult {
  readonly drill: Drill;
  readonly seed: number;
  readonly rate: number;
  readonly patience: number;
  readonly violations: readonly string[];
  /** Of what this drill expects beside the checks. */
  readonly failed: readonly string[];
  /** What a busy machine explains. */
  readonly warned: readonly string[];
  readonly notes: readonly string[];
  readonly settling: Settling;
  /** Share of reads, and of wishes for an order, that ended well. */
  readonly answered: number;
  /** Milliseconds. */
  readonly answerP99: number;
  readonly firstSettled: number | undefined;
  readonly atRest: number;
}

export const passed = ({ violations: found, failed }: DrillResult): boolean =>
  found.length + failed.length === 0;

/** Load, fault, healing, quiet, check. */
export async function runDrill(
  drill: Drill,
  system: DrillSystem,
  options: RunOptions,
): Promise<DrillResult> {
  const { seed, signal, progress } = options;
  const rate = drill.rate === 0 ? 0 : (options.rate ?? drill.rate ?? DEFAULT_RATE);
  const stage = await openStage(system, { seed, rate, signal });
  const { load, ledger, since } = stage;
  const { scene, outcome } = openScene(stage, options);
  const { failed, slow } = outcome;
  const doing = { text: "warming up" };
  const ticking = setInterval(
    () => progress(`${doing.text}, ${ledger.accepted.length} orders accepted`),
    1_000,
  );
  try {
    if (rate > 0) await warmUp(scene);
    doing.text = "the fault is on";
    await play(drill, scene, outcome);
    doing.text = "healed";
    if (rate > 0) await scene.pause(scene.lasting(AFTERMATH_MS));
    await load.stop();
    doing.text = "waiting for rest";
    const restLimitMs = options.restLimitMs ?? REST_LIMIT_MS;
    const atRest = await untilAtRest(system, restLimitMs, signal);
    if (atRest === undefined) failed.push(`not at rest: ${(await left(system)).join(", ")}`);
    await system.ready(signal).catch((error: Error) => void failed.push(error.message));
    signal.throwIfAborted();
    doing.text = "checking";
    const found = await findViolations(system.truth, ledger, since);
    const lagMs = options.cachesMayLagMs ?? drill.cachesMayLagMs ?? 0;
    const door = await checkTheDoor(scene, lagMs);
    const { refused, wrong } = unexpected(drill.tolerates, scene);
    failed.push(...wrong);
    slow.push(...refused);
    const waits = everythingHeard(scene).map(({ tookMs }) => tookMs);
    return {
      drill,
      seed,
      rate,
      patience: options.patience,
      failed: options.lenient ? failed : [...failed, ...slow],
      warned: options.lenient ? slow : [],
      notes: outcome.notes,
      violations: [...found, ...door],
      settling: await settlingOf(system.truth.orders, since),
      answered: availability(scene),
      answerP99: quantile(waits, 0.99),
      firstSettled: await firstSettledAfter(system.truth.orders, since, outcome.healedAt!),
      atRest: atRest ?? restLimitMs,
    };
  } finally {
    clearInterval(ticking);
    await load.stop();
  }
}

export const number = (value: number): string => Math.round(value).toLocaleString("en-US");
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
export const percent = (share: number): string =>
  `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;

/** The figures of one drill, in the order of the columns of proof/docs/drills.md. */
export function figuresOf(result: DrillResult): string[] {
  const { settling, answered, answerP99, firstSettled, atRest } = result;
  return [
    `${result.violations.length}`,
    number(settling.orders),
    `${number(settling.p50)} / ${number(settling.p99)} / ${number(settling.max)} ms`,
    percent(answered),
    `${number(answerP99)} ms`,
    `${firstSettled === undefined ? "–" : seconds(firstSettled)} / ${seconds(atRest)}`,
  ];
}

export function lineOf(result: DrillResult): string {
  const { drill, seed, notes } = result;
  const [violations, orders, settled, answered, p99, healing] = figuresOf(result);
  const parts = [
    `${violations} violations`,
    `${orders} orders settled, p50/p99/max ${settled}`,
    `${answered} answered, p99 ${p99}`,
    `first settled/at rest after ${healing}`,
    ...notes,
  ];
  const outcome = passed(result) ? "ok    " : "FAILED";
  return `${outcome} ${drill.id.padEnd(4)} ${drill.name} (seed ${seed}): ${parts.join(" · ")}`;
}

const MOST_SHOWN = 12;

export function complaintsOf({ violations, failed, warned }: DrillResult): string[] {
  const all = [...violations, ...failed, ...warned.map((text) => `warning: ${text}`)];
  const more = all.length - MOST_SHOWN;
  return [...all.slice(0, MOST_SHOWN), ...(more > 0 ? [`… and ${more} more`] : [])].map(
    (text) => `         ${text}`,
  );
}
