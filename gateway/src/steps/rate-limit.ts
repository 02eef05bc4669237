import { createHash } from "node:crypto";
import { ContractError } from "@shop/contracts/errors";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";
import type { Logger } from "@shop/service-kit/log/logger";
import type { Request, RequestHandler } from "express";
import {
  MemoryStore,
  ipKeyGenerator,
  type IncrementResponse,
  type Options,
  type Store,
} from "express-rate-limit";
import { RedisStore } from "rate-limit-redis";
import { addressReader } from "../client-address.ts";
import type { GatewayConfig } from "../config.ts";
import { HEALTH } from "../routes.ts";

export interface RateLimit {
  readonly step: RequestHandler;
  /** Where counts are shared: whether they are. */
  readonly shared: (() => Promise<boolean>) | undefined;
  start(): void;
  stop(): void;
}

const KEY_PREFIX = "rate:";

/**
 * Requests of one address in a window of time; counted here, or in a Redis for all gateways together. The stores are
 * express-rate-limit's; its middleware around them costs a seventh of a whole proxied request.
 */
export function createRateLimit(
  config: GatewayConfig,
  { log, onLimited }: { log: Logger; onLimited: () => void },
): RateLimit | undefined {
  const { RATE_LIMIT: limit, RATE_LIMIT_WINDOW_MS: windowMs, RATE_LIMIT_REDIS_URL: url } = config;
  if (limit === undefined) return undefined;
  const redis = url === undefined ? undefined : new RedisCache(url, log);
  const store = redis === undefined ? new MemoryStore() : sharedStore(redis);
  void store.init?.({ windowMs } as Options);
  const addressOf = addressReader(config);

  const count = async (request: Request): Promise<IncrementResponse> => {
    try {
      return await store.increment(ipKeyGenerator(addressOf(request)));
    } catch {
      // Whoever can't be counted is let in: a lost Redis must not be a lost shop.
      return { totalHits: 0, resetTime: undefined };
    }
  };
  return {
    step: async (request, response, next) => {
      // Whoever watches over the gateway asks often, and from one address.
      if (HEALTH.test(request.path)) return next();
      const { totalHits, resetTime } = await count(request);
      if (totalHits <= limit) return next();
      onLimited();
      response.setHeader("retry-after", secondsUntil(resetTime));
      throw new ContractError(
        "RATE_LIMITED",
        "Too many requests from this address; try again later",
      );
    },
    shared: redis && (() => redis.answers()),
    start: () => redis?.start(),
    stop: () => {
      void store.shutdown?.();
      redis?.stop();
    },
  };
}

const secondsUntil = (time: Date = new Date()): number =>
  Math.max(1, Math.ceil((time.getTime() - Date.now()) / 1_000));

/**
 * The store loads its scripts once and keeps the outcome: away at that moment, Redis would be away for it for ever. So a script is
 * named by its hash here, and sent with each call.
 */
function sharedStore(redis: RedisCache): Store {
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
