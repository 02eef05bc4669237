import { setTimeout as rest } from "node:timers/promises";
import { unrest } from "@shop/test-support/checker";
import type { DrillSystem } from "./system.ts";

const LOOK_AGAIN_MS = 100;

export const left = (system: DrillSystem): Promise<string[]> =>
  unrest(system.truth).catch((error: Error) => [error.message]);

/** How long it took until nothing was left to do; nothing when that never came. */
export async function untilAtRest(
  system: DrillSystem,
  limitMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < limitMs) {
    if ((await left(system)).length === 0) return performance.now() - startedAt;
    await rest(LOOK_AGAIN_MS, undefined, { signal });
  }
  return undefined;
}
