import { createHash } from "node:crypto";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";
import type { Logger } from "@shop/service-kit/log/logger";
import type { Store } from "express-rate-limit";
import { RedisStore } from "rate-limit-redis";

const KEY_PREFIX = "rate:";

/** Counts in a Redis, for all gateways together. */
export function createSharedCounts(url: string, log: Logger): { redis: RedisCache; store: Store } {
  const redis = new RedisCache(url, log);
  return { redis, store: storeIn(redis) };
}

/**
 * The store loads its scripts once and keeps the outcome: away at that moment, Redis would be away for it for ever. So a script is
 * named by its hash here, and sent with each call.
 */
function storeIn(redis: RedisCache): Store {
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
