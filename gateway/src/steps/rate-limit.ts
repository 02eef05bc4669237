import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { Request, RequestHandler } from "express";
import {
  MemoryStore,
  ipKeyGenerator,
  type IncrementResponse,
  type Options,
} from "express-rate-limit";
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

/**
 * Requests of one address in a window of time; counted here, or in a Redis for all gateways together. The stores are
 * express-rate-limit's; its middleware around them costs a seventh of a whole proxied request.
 */
export async function createRateLimit(
  config: GatewayConfig,
  { log, onLimited }: { log: Logger; onLimited: () => void },
): Promise<RateLimit | undefined> {
  const { RATE_LIMIT: limit, RATE_LIMIT_WINDOW_MS: windowMs, RATE_LIMIT_REDIS_URL: url } = config;
  if (limit === undefined) return undefined;
  const { redis, store } =
    url === undefined
      ? { redis: undefined, store: new MemoryStore() }
      : await sharedCounts(url, log);
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

/** Loaded only where it is used: the Redis client, which a bundle has in packages.mjs in any case, is not even run elsewhere. */
async function sharedCounts(url: string, log: Logger) {
  const { createSharedCounts } = await import("./shared-counts.ts");
  return createSharedCounts(url, log);
}
