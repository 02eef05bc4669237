import type { Count, Counts } from "./rate-limit.ts";

interface OwnCounts extends Counts {
  get(key: string): Count | undefined;
  increment(key: string): Count;
}

/** Some 20 MB. */
const MOST_CALLERS = 100_000;

/**
 * Counts in memory, of this gateway alone, in two generations: callers since the last turn, and those before them, of which each that
 * calls again moves on with its count. A turn comes with each window, and when the first generation has half of all places. So who
 * calls least is forgotten and who calls most never is: many made-up callers free nobody from the limit, and lock out nobody.
 * express-rate-limit's own store has no cap, and answers with a promise, which costs more than the counting.
 */
export function createOwnCounts(windowMs: number): OwnCounts {
  let current = new Map<string, Count>();
  let previous = new Map<string, Count>();
  let turnAt = Date.now() + windowMs;

  return {
    get: (key) => {
      const count = current.get(key) ?? previous.get(key);
      return count && count.resetAt > Date.now() ? count : undefined;
    },
    increment: (key) => {
      const now = Date.now();
      if (now >= turnAt || current.size >= MOST_CALLERS / 2) {
        previous = current;
        current = new Map();
        turnAt = now + windowMs;
      }
      let count = current.get(key);
      if (count === undefined) {
        count = previous.get(key) ?? { totalHits: 0, resetAt: now + windowMs };
        current.set(key, count);
      }
      if (count.resetAt <= now) {
        count.totalHits = 0;
        count.resetAt = now + windowMs;
      }
      count.totalHits += 1;
      return count;
    },
  };
}
