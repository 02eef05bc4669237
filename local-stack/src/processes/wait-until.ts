import { setTimeout as pause } from "node:timers/promises";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

export interface WaitOptions {
  what: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** Asks again and again, ever less often, until the answer is yes; fails when the time is up. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { what, timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    if (await condition()) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await pause(pauseMs, undefined, { signal });
  }
}
