import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { ipKeyGenerator } from "express-rate-limit";
import { addressReader } from "../client-address.ts";
import type { GatewayConfig } from "../config.ts";
import { HEALTH } from "../routes.ts";
import { createOwnCounts } from "./own-counts.ts";

export interface Count {
  totalHits: number;
  /** By the clock, in milliseconds. */
  resetAt: number;
}

/** Calls of each caller in its window; `undefined` where it cannot be said. */
export interface Counts {
  get(key: string): Awaitable<Count | undefined>;
  increment(key: string): Awaitable<Count | undefined>;
}

type Awaitable<T> = T | Promise<T>;

export interface SharedCounts extends Counts {
  start(): void;
  stop(): void;
  answers(): Promise<boolean>;
}

export interface RateLimit {
  readonly step: RequestHandler;
  /** Where counts are shared: whether they are. */
  readonly shared: (() => Promise<boolean>) | undefined;
  start(): void;
  stop(): void;
}

/**
 * Requests of one address in a window of time; counted here, or in a Redis for all gateways together. express-rate-limit's
 * middleware would cost a seventh of a whole proxied request.
 */
export async function createRateLimit(
  config: GatewayConfig,
  { log, onLimited }: { log: Logger; onLimited: () => void },
): Promise<RateLimit | undefined> {
  const { RATE_LIMIT: limit, RATE_LIMIT_WINDOW_MS: windowMs, RATE_LIMIT_REDIS_URL: url } = config;
  if (limit === undefined) return undefined;
  const shared = url === undefined ? undefined : await sharedCounts(url, windowMs, log);
  const counts: Counts = shared ?? createOwnCounts(windowMs);
  const addressOf = addressReader(config);
  const rule: Rule = {
    limit,
    counts,
    addressKey: (request) => ipKeyGenerator(addressOf(request)),
    onLimited,
  };
  return {
    step: countCaller(rule),
    shared: shared && (() => shared.answers()),
    start: () => shared?.start(),
    stop: () => shared?.stop(),
  };
}

interface Rule {
  readonly limit: number;
  readonly counts: Counts;
  readonly addressKey: (request: Request) => string;
  readonly onLimited: () => void;
}

function countCaller(rule: Rule): RequestHandler {
  const { counts, addressKey } = rule;
  const admitLater = async (
    counting: Promise<Count | undefined>,
    response: Response,
    next: NextFunction,
  ): Promise<void> => {
    admit(rule, response, await counting);
    next();
  };
  return (request, response, next) => {
    // Whoever watches over the gateway asks often, and from one address.
    if (HEALTH.test(request.path)) return next();
    const count = counts.increment(addressKey(request));
    if (count instanceof Promise) return admitLater(count, response, next);
    admit(rule, response, count);
    next();
  };
}

/** Who can't be counted is let in: a lost Redis must not be a lost shop. */
function admit(rule: Rule, response: Response, count: Count | undefined): void {
  if (count === undefined || count.totalHits <= rule.limit) return;
  rule.onLimited();
  response.setHeader("retry-after", secondsUntil(count.resetAt));
  throw new ContractError("RATE_LIMITED", "Too many requests from this address; try again later");
}

const secondsUntil = (time: number): number => Math.max(1, Math.ceil((time - Date.now()) / 1_000));

/** Loaded only where it is used: the Redis client, which a bundle has in packages.mjs in any case, is not even run elsewhere. */
async function sharedCounts(url: string, windowMs: number, log: Logger): Promise<SharedCounts> {
  const { createSharedCounts } = await import("./shared-counts.ts");
  return createSharedCounts(url, windowMs, log);
}
