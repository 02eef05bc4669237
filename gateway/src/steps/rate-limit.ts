import { createHash } from "node:crypto";
import { ContractError } from "@shop/contracts/errors";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";
import type { Logger } from "@shop/service-kit/log/logger";
import type { RequestHandler } from "express";
import { rateLimit, type Store } from "express-rate-limit";
import { RedisStore } from "rate-limit-redis";
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

/** Requests of one address in a window of time; counted here, or in a Redis for all gateways together. */
export function createRateLimit(
  config: GatewayConfig,
  { log, onLimited }: { log: Logger; onLimited: () => void },
): RateLimit | undefined {
  const { RATE_LIMIT: limit, RATE_LIMIT_WINDOW_MS: windowMs, RATE_LIMIT_REDIS_URL: url } = config;
  if (limit === undefined) return undefined;
  const redis = url === undefined ? undefined : new RedisCache(url, log);
  const step = rateLimit({
    windowMs,
    limit,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    // Its checks at run time look for settings that config.ts refuses at boot.
    validate: false,
    // Whoever watches over the gateway asks often, and from one address.
    skip: ({ path }) => HEALTH.test(path),
    // Whoever can't be counted is let in: a lost Redis must not be a lost shop.
    passOnStoreError: true,
    logger: { error: () => undefined, warn: () => undefined },
    ...(redis && { store: sharedStore(redis) }),
    handler: (_request, _response, next) => {
      onLimited();
      next(
        new ContractError("RATE_LIMITED", "Too many requests from this address; try again later"),
      );
    },
  });
  return {
    step,
    shared: redis && (() => redis.answers()),
    start: () => redis?.start(),
    stop: () => redis?.stop(),
  };
}

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
