import type { RedisCache } from "@shop/service-kit/cache/redis-cache";

export interface Count {
  totalHits: number;
  /** By the clock, in milliseconds. */
  resetAt: number;
}

/** Requests of each caller in its window. */
export interface Counts {
  /** `undefined` when the count is not known. */
  increment(key: string): Count | undefined | Promise<Count | undefined>;
  /** Takes one request back. */
  giveBack(key: string): void;
}

interface MemoryCounts extends Counts {
  increment(key: string): Count;
}

/** Some 20 MB. */
const MOST_CALLERS = 100_000;

/**
 * Counts in memory, of this gateway alone, in two generations: callers since the last turn, and callers before it. A caller that
 * calls again moves from the second to the first with its count. A turn comes with each window, and when the first generation has
 * half of all places. So callers that are silent longest are forgotten first, and many made-up ones never push out an active one.
 */
export function countInMemory(windowMs: number): MemoryCounts {
  let current = new Map<string, Count>();
  let previous = new Map<string, Count>();
  let turnAt = Date.now() + windowMs;

  return {
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
    giveBack: (key) => {
      const count = current.get(key) ?? previous.get(key);
      if (count && count.totalHits > 0) count.totalHits -= 1;
    },
  };
}

const KEY_PREFIX = "rate:";

const INCREMENT = `
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return { redis.call('INCR', KEYS[1]), left } end
redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
return { 1, tonumber(ARGV[1]) }`;

/** A key whose window has just ended stays away: it would be negative, and never expire. */
const GIVE_BACK = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1])";

/** Counts in a Redis, of all gateways together. Keys expire with their window, and Redis' own `maxmemory` bounds how many there are. */
export const countInRedis = (redis: RedisCache, windowMs: number): Counts => ({
  increment: async (key) => {
    const reply = await redis.ask((client) =>
      client.sendCommand<[number, number]>([
        "EVAL",
        INCREMENT,
        "1",
        KEY_PREFIX + key,
        String(windowMs),
      ]),
    );
    return reply && { totalHits: reply[0], resetAt: Date.now() + reply[1] };
  },
  giveBack: (key) =>
    void redis.send((client) => client.sendCommand(["EVAL", GIVE_BACK, "1", KEY_PREFIX + key])),
});
