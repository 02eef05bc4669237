import type { Count, Counts } from "./counts.ts";

interface OwnCounts extends Counts {
  increment(key: string): Count;
  giveBack(key: string): void;
}

/** Some 20 MB. */
const MOST_CALLERS = 100_000;

/**
 * Counts in memory, of this gateway alone, in two generations: callers since the last turn, and those before them. A caller that calls
 * again moves from the second to the first with its count. A turn comes with each window, and when the first generation has half of
 * all places. So callers that are silent for long are forgotten first, and many made-up ones push out nobody that goes on calling.
 * express-rate-limit's own store has no cap, and answers with a promise, which costs more than the counting.
 */
export function createOwnCounts(windowMs: number): OwnCounts {
  let current = new Map<string, Count>();
  let previous = new Map<string, Count>();
  let turnAt = Date.now() + windowMs;

  return {
    giveBack: (key) => {
      const count = current.get(key) ?? previous.get(key);
      if (count && count.totalHits > 0) count.totalHits -= 1;
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
