import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { ipKeyGenerator } from "express-rate-limit";
import { addressReader } from "../exchange/client-address.ts";
import type { GatewayConfig } from "../config.ts";
import { exchangeOf, type Exchange } from "../exchange/exchange.ts";
import { HEALTH } from "../routes.ts";
import { needsNoCaller } from "../steps/authentication.ts";
import type { Awaitable, Count, Counts, SharedCounts } from "./counts.ts";
import { createOwnCounts } from "./own-counts.ts";

export interface RateLimit {
  /** Counts a token against its address before it is verified, which costs a signature: a good one is given back in `step`. */
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
    beforeVerifying: countToken(rule),
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

function countToken(rule: Rule): RequestHandler {
  const { limit, counts, addressKey } = rule;
  const accept = (exchange: Exchange, response: Response, count: Count | undefined): void => {
    if (count !== undefined && count.totalHits > limit) refuse(rule, response, count);
    // As it is now: it grows with the requests that come while this token is verified.
    exchange.addressCount = count && { ...count };
  };
  return (request, response, next) => {
    const exchange = exchangeOf(request);
    if (exchange.token === undefined) return next();
    return whenCounted(counts.increment(addressKey(request)), next, (count) =>
      accept(exchange, response, count),
    );
  };
}

function countCaller(rule: Rule): RequestHandler {
  const { counts, addressKey, isExempt } = rule;
  return (request, response, next) => {
    if (isExempt(request)) return next();
    const { token, caller, addressCount } = exchangeOf(request);
    if (token !== undefined && caller === undefined) {
      admit(rule, response, addressCount);
      return next();
    }
    if (token !== undefined) void counts.giveBack(addressKey(request));
    // No address looks like a pseudonym.
    const counting = counts.increment(caller?.pseudonym ?? addressKey(request));
    return whenCounted(counting, next, (count) => admit(rule, response, count));
  };
}

/** Counting in memory costs no turn of the event loop. */
function whenCounted(
  counting: Awaitable<Count | undefined>,
  next: NextFunction,
  take: (count: Count | undefined) => void,
): void | Promise<void> {
  if (counting instanceof Promise) return takeLater(counting, next, take);
  take(counting);
  return next();
}

async function takeLater(
  counting: Promise<Count | undefined>,
  next: NextFunction,
  take: (count: Count | undefined) => void,
): Promise<void> {
  take(await counting);
  next();
}

/** Who can't be counted is let in: a lost Redis must not be a lost shop. */
function admit(rule: Rule, response: Response, count: Count | undefined): void {
  if (count === undefined) response.setHeader("ratelimit-policy", rule.policy);
  else if (count.totalHits > rule.limit) refuse(rule, response, count);
  else show(rule, response, count);
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
