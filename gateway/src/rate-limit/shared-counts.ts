import { createHash } from "node:crypto";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";
import type { Logger } from "@shop/service-kit/log/logger";
import type { ClientRateLimitInfo, Options } from "express-rate-limit";
import { RedisStore } from "rate-limit-redis";
import type { Count, SharedCounts } from "./counts.ts";

const KEY_PREFIX = "rate:";
/** Not for a key whose window has just ended: that would stay below nothing, without an end. */
const GIVE_BACK = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1])";

/** Counts in a Redis, for all gateways together. Keys expire with their window, and Redis' own `maxmemory` bounds how many there are. */
export function createSharedCounts(url: string, windowMs: number, log: Logger): SharedCounts {
  const redis = new RedisCache(url, log);
  const store = storeIn(redis);
  void store.init({ windowMs } as Options);
  return {
    increment: (key) => counted(store.increment(key)),
    giveBack: (key) =>
      redis.tell((client) => client.sendCommand(["EVAL", GIVE_BACK, "1", KEY_PREFIX + key])),
    start: () => redis.start(),
    stop: () => redis.stop(),
    answers: () => redis.answers(),
  };
}

async function counted(asked: Promise<ClientRateLimitInfo>): Promise<Count | undefined> {
  try {
    const { totalHits, resetTime } = await asked;
    return { totalHits, resetAt: Number(resetTime) };
  } catch {
    return undefined;
  }
}

/**
 * The store loads its scripts once and keeps the outcome: away at that moment, Redis would be away for it for ever. So a script is
 * named by its hash here, and sent with each call.
 */
function storeIn(redis: RedisCache): RedisStore {
  const scripts = new Map<string, string>();
  return new RedisStore({
    prefix: KEY_PREFIX,
    sendCommand: async (command: string, ...args: string[]) => {
      if (command === "SCRIPT") {
        const [, script = ""] = args;
        const hash = createHash("sha1").update(script).digest("hex");
        scripts.set(hash, script);
        return hash;
      }
      const [hash = "", ...rest] = args;
      const reply = await redis.ask((client) =>
        client.sendCommand<number[]>(["EVAL", scripts.get(hash) ?? "", ...rest]),
      );
      if (reply === undefined) throw new Error("redis did not answer");
      return reply;
    },
  });
}
