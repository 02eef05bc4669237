import type { Logger } from "@shop/service-kit/log/logger";
import type { JWTPayload, JWTVerifyOptions } from "jose";
import { z } from "zod";
import { lacksKeyOf, mayBeOfNewKey, toKeySet, verifyBy, type KeySet } from "./key-set.ts";

/** A set is used this long before it is fetched again. While the issuer answers, a withdrawn key is good no longer than this. */
const FRESH_MS = 5 * 60_000;
/** The longest that a set is used while the issuer is away. */
const LAST_GOOD_MS = 24 * 60 * 60_000;
/** Between two fetches, so that made-up keys cannot make us flood the issuer. A new key is unknown here no longer than this. */
const COOLDOWN_MS = 5_000;
/** Without any keys every token is 503, and its `Retry-After` is 1 s. */
const COOLDOWN_WITHOUT_KEYS_MS = 1_000;
const FETCH_LIMIT_MS = 2_000;
const MOST_ANSWER_BYTES = 1_048_576;

export interface SigningKeysOptions {
  readonly log: Logger;
  readonly onFetchFailed: () => void;
  /** A key of the set before is not in the new one. */
  readonly onWithdrawn: () => void;
}

/**
 * The public keys of an issuer, from its JWKS URL: fetched when a token needs them, and the last good set while the issuer is
 * away. jose's own remote set drops its keys then, and neither tries several keys nor skips a broken one.
 */
export class SigningKeys {
  private readonly url: string;
  private readonly options: SigningKeysOptions;
  private set: KeySet | undefined;
  private triedAt = -Infinity;
  private fetching: Promise<void> | undefined;
  /** Why the last fetch failed. */
  private failure: Error | undefined;

  constructor(url: string, options: SigningKeysOptions) {
    this.url = url;
    this.options = options;
  }

  /** Since the set was fetched; `undefined` without one. */
  get ageMs(): number | undefined {
    return this.set && performance.now() - this.set.fetchedAt;
  }

  async verify(token: string, options: JWTVerifyOptions): Promise<{ payload: JWTPayload }> {
    const set = await this.currentSet();
    try {
      return await verifyBy(set, token, options);
    } catch (error) {
      if (!mayBeOfNewKey(error, token)) throw error;
      await this.refresh();
      // While the issuer is away the key may be a new one.
      if (this.failure) throw this.failure;
      if (this.set === undefined || this.set === set) throw error;
      return verifyBy(this.set, token, options);
    }
  }

  private async currentSet(): Promise<KeySet> {
    if (this.isYoungerThan(FRESH_MS)) return this.set!;
    const refreshed = this.refresh();
    // While the issuer is known to be away it is asked in the background.
    if (this.failure === undefined || !this.isYoungerThan(LAST_GOOD_MS)) await refreshed;
    if (this.isYoungerThan(LAST_GOOD_MS)) return this.set!;
    throw this.failure ?? new Error("the issuer's keys are not here yet");
  }

  private isYoungerThan(limitMs: number): boolean {
    const { ageMs } = this;
    return ageMs !== undefined && ageMs < limitMs;
  }

  /** One fetch at a time, and none within the cool-down. */
  private refresh(): Promise<void> {
    if (this.fetching) return this.fetching;
    const cooldownMs = this.set ? COOLDOWN_MS : COOLDOWN_WITHOUT_KEYS_MS;
    const now = performance.now();
    if (now - this.triedAt < cooldownMs) return Promise.resolve();
    this.triedAt = now;
    this.fetching = this.fetch(now).finally(() => {
      this.fetching = undefined;
    });
    return this.fetching;
  }

  private async fetch(fetchedAt: number): Promise<void> {
    const { log, onFetchFailed, onWithdrawn } = this.options;
    try {
      const before = this.set;
      this.set = toKeySet(await fetchKeys(this.url), fetchedAt);
      if (before && lacksKeyOf(before, this.set)) onWithdrawn();
      if (this.failure) log.info("the issuer's keys can be fetched again");
      this.failure = undefined;
    } catch (cause) {
      onFetchFailed();
      // One line for an outage, not one for each try.
      if (this.failure === undefined) {
        log.warn(
          { err: cause },
          "the issuer's keys cannot be fetched; the last ones are used for up to 24 h",
        );
      }
      this.failure = new Error("the issuer's keys cannot be fetched", { cause });
    }
  }
}

const answer = z.object({ keys: z.array(z.unknown()) });

async function fetchKeys(url: string): Promise<unknown[]> {
  const response = await fetch(url, {
    headers: { accept: "application/json, application/jwk-set+json" },
    redirect: "error",
    signal: AbortSignal.timeout(FETCH_LIMIT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the issuer answered ${response.status}`);
  }
  return answer.parse(JSON.parse(await textOf(response))).keys;
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MOST_ANSWER_BYTES) throw new Error("the issuer's answer is larger than 1 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
