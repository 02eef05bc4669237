import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { ipKeyGenerator } from "express-rate-limit";
import { addressReader } from "../client-address.ts";
import type { GatewayConfig } from "../config.ts";
import { exchangeOf } from "../exchange.ts";
import { HEALTH } from "../routes.ts";
import { needsNoCaller } from "./authentication.ts";
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
  /** Of an address that has used up its requests no token is verified: each would cost a signature. */
  readonly beforeVerifying: RequestHandler;
  readonly step: RequestHandler;
  /** Where counts are shared: whether they are. */
  readonly shared: (() => Promise<boolean>) | undefined;
  start(): void;
  stop(): void;
}

/**
 * Requests of one caller in a window of time: of a token's subject, else of an address, which all requests without a good token
 * count against. Counted here, or in a Redis for all gateways together. express-rate-limit's middleware would cost a seventh of a
 * whole proxied request.
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
    policy: `"default";q=${limit};w=${Math.ceil(windowMs / 1_000)}`,
    counts,
    addressKey: (request) => ipKeyGenerator(addressOf(request)),
    isExempt: config.AUTH === "jwt" ? needsNoCaller : ({ path }) => HEALTH.test(path),
    onLimited,
  };
  return {
    beforeVerifying: refuseUsedUpAddress(rule),
    step: countCaller(rule),
    shared: shared && (() => shared.answers()),
    start: () => shared?.start(),
    stop: () => shared?.stop(),
  };
}

interface Rule {
  readonly limit: number;
  readonly policy: string;
  readonly counts: Counts;
  readonly addressKey: (request: Request) => string;
  readonly isExempt: (request: Request) => boolean;
  readonly onLimited: () => void;
}

function countCaller(rule: Rule): RequestHandler {
  const { counts, addressKey, isExempt } = rule;
  const admitLater = async (
    counting: Promise<Count | undefined>,
    response: Response,
    next: NextFunction,
  ): Promise<void> => {
    admit(rule, response, await counting);
    next();
  };
  return (request, response, next) => {
    if (isExempt(request)) return next();
    // No address looks like a pseudonym.
    const count = counts.increment(exchangeOf(request).caller?.pseudonym ?? addressKey(request));
    if (count instanceof Promise) return admitLater(count, response, next);
    admit(rule, response, count);
    next();
  };
}

/** Who can't be counted is let in: a lost Redis must not be a lost shop. */
function admit(rule: Rule, response: Response, count: Count | undefined): void {
  if (count === undefined) response.setHeader("ratelimit-policy", rule.policy);
  else if (count.totalHits > rule.limit) refuse(rule, response, count);
  else show(rule, response, count);
}

/** A token counts when it has been verified, so those that come at once may pass the limit, by as many as may be in flight. */
function refuseUsedUpAddress(rule: Rule): RequestHandler {
  const { limit, counts, addressKey } = rule;
  const look: RequestHandler = async (request, response, next) => {
    const count = await counts.get(addressKey(request));
    if (count !== undefined && count.totalHits >= limit) refuse(rule, response, count);
    next();
  };
  return (request, response, next) =>
    exchangeOf(request).token === undefined ? next() : look(request, response, next);
}

function refuse(rule: Rule, response: Response, count: Count): never {
  show(rule, response, count);
  response.setHeader("retry-after", secondsUntil(count.resetAt));
  rule.onLimited();
  throw new ContractError("RATE_LIMITED", "Too many requests; try again later");
}

/** Fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers): quota, window; remaining, seconds until it begins again. */
function show({ limit, policy }: Rule, response: Response, count: Count): void {
  const left = Math.max(0, limit - count.totalHits);
  response.setHeader("ratelimit-policy", policy);
  response.setHeader("ratelimit", `"default";r=${left};t=${secondsUntil(count.resetAt)}`);
}

const secondsUntil = (time: number): number => Math.max(1, Math.ceil((time - Date.now()) / 1_000));

/** Loaded only where it is used: the Redis client, which a bundle has in packages.mjs in any case, is not even run elsewhere. */
async function sharedCounts(url: string, windowMs: number, log: Logger): Promise<SharedCounts> {
  const { createSharedCounts } = await import("./shared-counts.ts");
  return createSharedCounts(url, windowMs, log);
}
