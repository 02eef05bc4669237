import { setTimeout as rest } from "node:timers/promises";
import type { Drill, Scene } from "./drill.ts";

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

type Stage = Pick<Scene, "system" | "load" | "ledger" | "random" | "signal" | "rate">;

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
