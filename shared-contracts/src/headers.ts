import { z } from "zod";

export const REQUEST_ID_HEADER = "x-request-id";
export const IDEMPOTENCY_KEY_HEADER = "idempotency-key";
export const IDEMPOTENCY_REPLAYED_HEADER = "idempotency-replayed";
export const TRACEPARENT_HEADER = "traceparent";

/** The `Cache-Control` of a service that needs what is so now. The gateway passes none: clients can't reach past the caches. */
export const NO_CACHE = "no-cache";

/** Of every body but those of the API reference's pages. */
export const JSON_TYPE = "application/json; charset=utf-8";

/** What may go into every log line, header and event without being escaped. */
export const REQUEST_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

const keyRule = "must have 1 to 255 visible ASCII characters";

export const idempotencyKey = z.string("must be given once").regex(/^[\x21-\x7e]{1,255}$/, keyRule);

export const orderHeaders = z.object({ [IDEMPOTENCY_KEY_HEADER]: idempotencyKey.optional() });
export type OrderHeaders = z.infer<typeof orderHeaders>;

/** An ETag stands for `data`, so it is the version alone. */
export const etagOf = (version: number): string => `"${version}"`;

export const namesVersion = (header: string, version: number): boolean =>
  namesTag(header, etagOf(version));

/** Whether `If-Match` or `If-None-Match` names this tag; `*`, lists and weak tags are taken. */
export function namesTag(header: string, tag: string): boolean {
  // Two lines of the header come as one list, so `*` may be anywhere in it.
  return header.split(",").some((entry) => {
    const given = entry.trim();
    return given === "*" || given.replace(/^W\//, "") === tag;
  });
}
