import { violations } from "@shop/test-support/checker";
import { left, untilAtRest } from "./at-rest.ts";
import type { Drill } from "./drill.ts";
import { firstSettledAfter, quantile, settling, type Settling } from "./figures.ts";
import { openScene, openStage, play, type Pace } from "./scene.ts";
import type { DrillSystem } from "./system.ts";
import { availability, checkTheDoor, everythingHeard, unexpected } from "./verdict.ts";
import { warmUp } from "./warm-up.ts";

const DEFAULT_RATE = 500;
const AFTERMATH_MS = 3_000;
/** The sweeper's first wait, and all that an outage has left. */
const REST_LIMIT_MS = 120_000;
export interface RunOptions extends Pace {
  readonly seed: number;
  readonly rate: number | undefined;
  /** What is late, or refused under pressure, is told and fails nothing. */
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
    const found = await violations(system.truth, ledger, since);
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
      settling: await settling(system.truth.orders, since),
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
