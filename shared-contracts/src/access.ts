import { z } from "zod";

/** What a token may allow. Everything that is not listed here needs no scope. */
export const SCOPES = ["products:write", "orders:write", "orders:read"] as const;
export type Scope = (typeof SCOPES)[number];

/** What the programs of the shop show each other; it never leaves them. */
export const INTERNAL_TOKEN_HEADER = "x-internal-token";

/** Who asks, as the gateway has checked it. Worth nothing without the internal token beside it. */
export const SUBJECT_HEADER = "x-subject";
/** The scopes of that caller, separated by spaces. */
export const SCOPES_HEADER = "x-scopes";

/** Visible ASCII, so that it stays what it is in headers, logs and the database. */
export const subject = z
  .string("must be a string")
  .regex(/^[\x21-\x7e]{1,255}$/, "must have 1 to 255 visible ASCII characters");

/** The scopes in a header or a claim that this shop knows; others are of no meaning here. */
export const knownScopes = (text: string): Scope[] => {
  const given = new Set(text.split(" "));
  return SCOPES.filter((scope) => given.has(scope));
};
