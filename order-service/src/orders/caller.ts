import { knownScopes, SCOPES_HEADER, SUBJECT_HEADER } from "@shop/contracts/access";

/** As the gateway sends them; who else could was refused before. */
export type CallerHeaders = Readonly<Record<string, string | undefined>>;

/** Owns the idempotency keys of all callers together where authentication is off. */
export const ANYBODY = "";

export interface Caller {
  /** `null` where authentication is off. */
  readonly subject: string | null;
  /** Whose orders this caller may read: one subject's, or everybody's. */
  readonly readsOf: string | null;
}

export function callerOf(headers: CallerHeaders): Caller {
  const subject = headers[SUBJECT_HEADER] ?? null;
  const readsAll = knownScopes(headers[SCOPES_HEADER] ?? "").includes("orders:read");
  return { subject, readsOf: readsAll ? null : subject };
}
