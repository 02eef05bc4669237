import { TIME_FACTOR } from "./time-factor.ts";

const POLL_MS = 15;
const LIMIT_MS = 10_000;

/** Repeats an assertion until it holds; fails with its last error. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  limitMs: number = LIMIT_MS,
): Promise<T> {
  const end = performance.now() + limitMs * TIME_FACTOR;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
