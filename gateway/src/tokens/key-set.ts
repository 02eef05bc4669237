import { createPublicKey, type JsonWebKey } from "node:crypto";
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type CryptoKey,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from "jose";

/** Keys that a token which names no key is checked with. Each try costs a signature. */
const MOST_TRIES = 8;
const LEAST_RSA_BITS = 2_048;

/** The usable keys of one answer of the issuer. */
export interface KeySet {
  readonly keyFor: JWTVerifyGetKey;
  readonly texts: ReadonlySet<string>;
  readonly fetchedAt: number;
}

export function toKeySet(found: readonly unknown[], fetchedAt: number): KeySet {
  const keys = found.filter(isUsable);
  const local = createLocalJWKSet({ keys } as JSONWebKeySet);
  return {
    keyFor: async (header, token) => {
      try {
        return await local(header, token);
      } catch (error) {
        if (error instanceof errors.JOSEError && IS_ABOUT_TOKEN.has(error.code)) throw error;
        // A key that cannot be read counts as missing.
        throw new errors.JWKSNoMatchingKey("the token's key is broken", { cause: error });
      }
    },
    texts: new Set(keys.map((key) => JSON.stringify(key))),
    fetchedAt,
  };
}

/** A key that is not public, is broken, or is too short for jose counts as missing. */
function isUsable(value: unknown): boolean {
  if (typeof value !== "object" || value === null || "d" in value) return false;
  try {
    const key = createPublicKey({ key: value as JsonWebKey, format: "jwk" });
    const { modulusLength = LEAST_RSA_BITS } = key.asymmetricKeyDetails ?? {};
    return modulusLength >= LEAST_RSA_BITS;
  } catch {
    return false;
  }
}

export const lacksKeyOf = (before: KeySet, { texts }: KeySet): boolean =>
  [...before.texts].some((text) => !texts.has(text));

const IS_ABOUT_TOKEN: ReadonlySet<string> = new Set([
  errors.JWKSNoMatchingKey.code,
  errors.JWKSMultipleMatchingKeys.code,
  errors.JOSENotSupported.code,
]);

export async function verifyBy(
  { keyFor }: KeySet,
  token: string,
  options: JWTVerifyOptions,
): Promise<{ payload: JWTPayload }> {
  try {
    return await jwtVerify(token, keyFor, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return verifyByOneOf(error, token, options);
  }
}

/** Broken keys are left out by jose. */
async function verifyByOneOf(
  keys: AsyncIterable<CryptoKey>,
  token: string,
  options: JWTVerifyOptions,
) {
  let tries = 0;
  for await (const key of keys) {
    if (tries === MOST_TRIES) break;
    tries += 1;
    try {
      return await jwtVerify(token, key, options);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

/** The token names an unknown key, or names none and no key fits. */
export const mayBeOfNewKey = (error: unknown, token: string): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  (error instanceof errors.JWSSignatureVerificationFailed &&
    decodeProtectedHeader(token).kid === undefined);
