import { isIPv6 } from "node:net";
import { ContractError } from "@shop/contracts/errors";
import type { RedisCache } from "@shop/service-kit/cache/redis-cache";
import type { Logger } from "@shop/service-kit/log/logger";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { GatewayConfig } from "../config.ts";
import { addressReader } from "../exchange/client-address.ts";
import { exchangeOf } from "../exchange/exchange.ts";
import { HEALTH } from "../routes.ts";
import { needsNoCaller } from "../steps/authentication.ts";
import { countInMemory, countInRedis, type Count, type Counts } from "./counts.ts";

export interface RateLimit {
  /** Counts a token that is not verified yet by its address, since verifying costs a signature. `step` gives back a good one. */
  readonly beforeVerifying: RequestHandler;
  readonly step: RequestHandler;
  /** Where several gateways count together. */
  readonly redis: RedisCache | undefined;
}

interface Rule {
  readonly limit: number;
  readonly policy: string;
  readonly counts: Counts;
  readonly addressKey: (request: Request) => string;
  readonly isExempt: (request: Request) => boolean;
  readonly onLimited: () => void;
}

/**
 * Limits the requests of one caller in a window of time. A caller is the subject of a good token, else the address. Why this is not
 * express-rate-limit: docs/decisions/0023.
 */
export async function createRateLimit(
  config: GatewayConfig,
  { log, onLimited }: { log: Logger; onLimited: () => void },
): Promise<RateLimit | undefined> {
  const { RATE_LIMIT: limit, RATE_LIMIT_WINDOW_MS: windowMs, RATE_LIMIT_REDIS_URL: url } = config;
  if (limit === undefined) return undefined;
  const redis = url === undefined ? undefined : await redisAt(url, log);
  const addressOf = addressReader(config);
  const rule: Rule = {
    limit,
    policy: `"default";q=${limit};w=${Math.ceil(windowMs / 1_000)}`,
    counts: redis ? countInRedis(redis, windowMs) : countInMemory(windowMs),
    addressKey: (request) => networkOf(addressOf(request)),
    isExempt: config.AUTH === "jwt" ? needsNoCaller : ({ path }) => HEALTH.test(path),
    onLimited,
  };
  return { beforeVerifying: countToken(rule), step: countCaller(rule), redis };
}

/** Loaded only where it is used: the Redis client takes time and memory. */
async function redisAt(url: string, log: Logger): Promise<RedisCache> {
  const { RedisCache } = await import("@shop/service-kit/cache/redis-cache");
  return new RedisCache(url, log);
}

function countToken(rule: Rule): RequestHandler {
  const { limit, counts, addressKey } = rule;
  return (request, response, next) => {
    const exchange = exchangeOf(request);
    if (exchange.token === undefined) return next();
    return whenCounted(counts.increment(addressKey(request)), next, (count) => {
      if (count !== undefined && count.totalHits > limit) refuse(rule, response, count);
      // A copy: the count grows with the requests that come while this token is verified.
      exchange.addressCount = count && { ...count };
    });
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
    if (token !== undefined) counts.giveBack(addressKey(request));
    // No address looks like a pseudonym.
    const counting = counts.increment(caller?.pseudonym ?? addressKey(request));
    return whenCounted(counting, next, (count) => admit(rule, response, count));
  };
}

/** Counting in memory takes no turn of the event loop. */
function whenCounted(
  counting: ReturnType<Counts["increment"]>,
  next: NextFunction,
  take: (count: Count | undefined) => void,
): void | Promise<void> {
  const go = (count: Count | undefined): void => {
    take(count);
    next();
  };
  return counting instanceof Promise ? counting.then(go) : go(counting);
}

/** A caller that cannot be counted gets in: a lost Redis must not be a lost shop. */
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

/** Fields of draft-ietf-httpapi-ratelimit-headers: quota and window; requests left, and seconds until all are there again. */
function show({ limit, policy }: Rule, response: Response, count: Count): void {
  const left = Math.max(0, limit - count.totalHits);
  response.setHeader("ratelimit-policy", policy);
  response.setHeader("ratelimit", `"default";r=${left};t=${secondsUntil(count.resetAt)}`);
}

const secondsUntil = (time: number): number => Math.max(1, Math.ceil((time - Date.now()) / 1_000));

const MAPPED_V4 = /^::ffff:(?<v4>[\d.]+)$/i;
const V6_GROUPS = 8;

/** An IPv4 address as it is; of an IPv6 address its /56 network: a household or a server often has all addresses of one. */
export function networkOf(address: string): string {
  const v4 = MAPPED_V4.exec(address)?.groups?.["v4"];
  if (v4 !== undefined || !isIPv6(address)) return v4 ?? address;
  // In one form, with hexadecimal groups only.
  const plain = new URL(`http://[${address.split("%", 1)[0]}]`).hostname.slice(1, -1);
  if (plain.startsWith("::ffff:")) return plain;
  const [head = [], tail = []] = plain
    .split("::")
    .map((groups) => groups.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: V6_GROUPS - head.length - tail.length }, () => "0");
  const [first, second, third, fourth = ""] = [...head, ...zeros, ...tail];
  const highByte = Number.parseInt(fourth, 16) >> 8;
  return `${first}:${second}:${third}:${highByte.toString(16)}/56`;
}
