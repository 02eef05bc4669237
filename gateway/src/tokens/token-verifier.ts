import { createHmac } from "node:crypto";
import { knownScopes, subject } from "@shop/contracts/access";
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose";
import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { GatewayConfig } from "../config.ts";
import type { Caller } from "../exchange/exchange.ts";
import type { GatewayMetrics } from "../observe/metrics.ts";
import { SigningKeys } from "./signing-keys.ts";

export interface TokenVerifier {
  /** Whose it is, when it was good a moment ago: that costs no signature. */
  remembered(token: string): Caller | undefined;
  verify(token: string): Promise<Caller>;
}

const CLOCK_TOLERANCE_S = 5;
/**
 * A token that was good is taken again without checking its signature, at most this long and never beyond its end. The time that a
 * withdrawn key is good (signing-keys.ts) is longer by it.
 */
const REMEMBERED_MS = 60_000;
const MOST_REMEMBERED = 2_000;
const PSEUDONYM_DIGITS = 16;

interface VerifierParts {
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
}

interface Remembered {
  readonly caller: Caller;
  readonly until: number;
}

/** Checks who signed, for whom, until when, and by an algorithm that was agreed on; the token has no say in any of it. */
export function tokenVerifier(config: GatewayConfig, parts: VerifierParts): TokenVerifier {
  const remembered = new Map<string, Remembered>();
  const verify = verifyingKey(config, { ...parts, onWithdrawn: () => remembered.clear() });
  const options = {
    issuer: config.JWT_ISSUER!,
    audience: config.JWT_AUDIENCE!,
    algorithms: config.JWT_ALGORITHMS ?? (config.JWT_SECRET ? ["HS256"] : ["RS256", "ES256"]),
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ["exp", "sub"],
  };

  return {
    remembered: (token) => {
      const known = remembered.get(token);
      if (known === undefined || known.until > Date.now()) return known?.caller;
      remembered.delete(token);
      return undefined;
    },
    verify: async (token) => {
      const { payload } = await verify(token, options).catch((error: unknown) => {
        throw refusal(error);
      });
      const caller = toCaller(payload, config.INTERNAL_TOKEN!);
      const until = Math.min(Date.now() + REMEMBERED_MS, payload.exp! * 1_000);
      remembered.set(token, { caller, until });
      if (remembered.size > MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!);
      return caller;
    },
  };
}

type Verify = (token: string, options: JWTVerifyOptions) => Promise<{ payload: JWTPayload }>;

function verifyingKey(
  { JWT_SECRET, JWT_JWKS_URL }: GatewayConfig,
  { log, metrics, onWithdrawn }: VerifierParts & { readonly onWithdrawn: () => void },
): Verify {
  if (JWT_SECRET !== undefined) {
    const bytes = new TextEncoder().encode(JWT_SECRET);
    return (token, options) => jwtVerify(token, bytes, options);
  }
  const onFetchFailed = (): void => metrics.keyFetchFailed.inc();
  const keys = new SigningKeys(JWT_JWKS_URL!, { log, onFetchFailed, onWithdrawn });
  metrics.watchSigningKeys(keys);
  return (token, options) => keys.verify(token, options);
}

const unauthenticated = (cause?: unknown): ContractError =>
  new ContractError("UNAUTHENTICATED", "The token is not valid here", [], { cause });

/** What is wrong with the token is its sender's fault; that its keys can't be had is not. */
function refusal(error: unknown): ContractError {
  if (error instanceof errors.JOSEError) return unauthenticated(error);
  return new ContractError("UNAVAILABLE", "Tokens can't be checked just now; try again", [], {
    cause: error,
  });
}

function toCaller({ sub, scope, scp }: JWTPayload, pseudonymKey: string): Caller {
  const name = subject.safeParse(sub);
  if (!name.success) throw unauthenticated();
  const given: unknown = scope ?? scp;
  const text = Array.isArray(given) ? given.join(" ") : given;
  return {
    subject: name.data,
    pseudonym: pseudonymOf(name.data, pseudonymKey),
    scopes: typeof text === "string" ? knownScopes(text) : [],
  };
}

/** The same at every gateway, and of no use to a reader of logs that guesses subjects: the key is the internal token. */
const pseudonymOf = (name: string, key: string): string =>
  createHmac("sha256", key).update(name).digest("hex").slice(0, PSEUDONYM_DIGITS);
