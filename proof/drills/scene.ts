import { randomUUIDv7 } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import { Ledger } from "@shop/test-support/ledger";
import { randomOf } from "@shop/test-support/random";
import type { Drill, Scene } from "./drill.ts";
import { call, createProducts, RAMP_MS, startLoad } from "./load.ts";
import type { DrillSystem } from "./system.ts";
import { quantile } from "./verdict.ts";

/** How a drill is to be run, beside what it runs on. */
export interface Pace {
  readonly instants: number;
  readonly time: number;
  readonly patience: number;
}

/** What a drill had to say, beside the checks that every drill ends with. */
export interface Outcome {
  /** What must hold and did not. */
  readonly failed: string[];
  /** What took too long, which a busy machine does as well. */
  readonly slow: string[];
  readonly notes: string[];
  healedAt: Date | undefined;
}

export interface Stage extends Pick<
  Scene,
  "system" | "load" | "ledger" | "random" | "signal" | "rate"
> {
  /** Orders of this run have ids that are not before it. */
  readonly since: string;
}

/** Products, a ledger, and clients who come. */
export async function openStage(
  system: DrillSystem,
  { seed, rate, signal }: { seed: number; rate: number; signal: AbortSignal },
): Promise<Stage> {
  const since = randomUUIDv7();
  const ledger = new Ledger(call);
  const load = startLoad({
    gateway: system.gateway,
    ledger,
    ordersPerSecond: rate,
    productIds: await createProducts(system.gateway),
    random: randomOf(seed + 1),
    run: since,
    signal,
  });
  return { system, load, ledger, random: randomOf(seed), signal, rate, since };
}

export function openScene(
  stage: Stage,
  { instants, time, patience }: Pace,
): { scene: Scene; outcome: Outcome } {
  const outcome: Outcome = { failed: [], slow: [], notes: [], healedAt: undefined };
  const { failed, slow, notes } = outcome;
  const scene: Scene = {
    ...stage,
    instants,
    pause: (ms) => rest(ms, undefined, { signal: stage.signal }),
    lasting: (ms) => ms * time,
    expect: (holds, otherwise) => void (holds || failed.push(otherwise)),
    inTime: (what, tookMs, limitMs) => {
      const limit = limitMs * patience;
      if (tookMs > limit) slow.push(`${what}: ${Math.round(tookMs)} ms, and not within ${limit}`);
    },
    note: (text) => void notes.push(text),
    healed: () => void (outcome.healedAt ??= new Date()),
  };
  return { scene, outcome };
}

/** Injects the fault and heals it; what it throws is a complaint. */
export async function play(drill: Drill, scene: Scene, { failed }: Outcome): Promise<void> {
  await drill.run(scene).catch((error: Error) => {
    scene.signal.throwIfAborted();
    failed.push(error.message);
  });
  scene.healed();
}

const MOST_MS = 20_000;
const LOOK_EVERY_MS = 1_000;
const WARM_P95_MS = 100;

/** Programs just started are slow until their code is compiled and their pools are full: what waits then is not the fault's doing. */
export async function warmUp({ ledger, pause, note }: Scene): Promise<void> {
  await pause(RAMP_MS);
  const until = performance.now() + MOST_MS;
  while (performance.now() < until) {
    const heard = ledger.accepted.length;
    await pause(LOOK_EVERY_MS);
    const took = ledger.accepted.slice(heard).map(({ tookMs }) => tookMs);
    if (took.length > 0 && quantile(took, 0.95) <= WARM_P95_MS) return;
  }
  note(`p95 of orders was above ${WARM_P95_MS} ms before the fault as well`);
}
