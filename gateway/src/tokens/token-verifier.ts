import { createHmac } from "node:crypto";
import { knownScopes, subject } from "@shop/contracts/access";
import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose";
import type { GatewayConfig } from "../config.ts";
import type { Caller } from "../exchange/exchange.ts";
import type { GatewayMetrics } from "../observe/metrics.ts";
import { SigningKeys } from "./signing-keys.ts";

export interface TokenVerifier {
  /** The caller of a token that was verified a moment ago: this costs no signature. */
  remembered(token: string): Caller | undefined;
  verify(token: string): Promise<Caller>;
}

const CLOCK_TOLERANCE_S = 5;
/**
 * A verified token is accepted again without checking its signature, at most this long and never beyond its end. A withdrawn key
 * (signing-keys.ts) is good longer by this time.
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

/** Verifies signature, issuer, audience, time and algorithm; all are from the configuration, none from the token. */
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
  metrics.watchSigningKeys(() => keys.ageMs);
  return (token, options) => keys.verify(token, options);
}

const unauthenticated = (cause?: unknown): ContractError =>
  new ContractError("UNAUTHENTICATED", "The token is not valid here", [], { cause });

/** A bad token is its sender's fault; keys that cannot be fetched are not. */
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

/** The same at every gateway. The key is the internal token, so that a reader of logs cannot find a subject by guessing. */
const pseudonymOf = (name: string, key: string): string =>
  createHmac("sha256", key).update(name).digest("hex").slice(0, PSEUDONYM_DIGITS);
