import { REQUEST_ID_PATTERN } from "@shop/contracts/headers";

const text = { type: "string" } as const;

/** Headers of answers. A `required` one is on every answer that names it. */
export const ANSWER_HEADERS = {
  "X-Request-ID": {
    description: "Names this request in the logs of all programs, and in the events that it causes",
    required: true,
    schema: { ...text, pattern: REQUEST_ID_PATTERN.source },
    example: "6f1c7a52-3e0b-4f7e-9d55-0c8a4b1e2f33",
  },
  ETag: {
    description: "The version of what was answered",
    required: true,
    schema: { ...text, pattern: '^"[^"]+"$' },
    example: '"1"',
  },
  Location: {
    description: "Where it is now, under the prefix that was asked",
    required: true,
    schema: { ...text, pattern: "^/" },
    example: "/products/26",
  },
  "Idempotency-Replayed": {
    description: "There when this key was used before: this is the first answer's order",
    schema: { ...text, const: "true" },
    example: "true",
  },
  "Retry-After": {
    description: "Seconds to wait before the next try",
    required: true,
    schema: { type: "integer", minimum: 1 },
    example: 1,
  },
  "RateLimit-Policy": {
    description:
      "Where a limit is set, on answers to requests that count: a caller has `q` requests in `w` seconds. A caller is the token's subject, else the address",
    schema: { ...text, pattern: '^"default";q=\\d+;w=\\d+$' },
    example: '"default";q=600;w=60',
  },
  RateLimit: {
    description:
      "Beside `RateLimit-Policy`: `r` requests are left, and in `t` seconds all are again",
    schema: { ...text, pattern: '^"default";r=\\d+;t=\\d+$' },
    example: '"default";r=599;t=60',
  },
  Allow: {
    description: "The methods that this path has",
    required: true,
    schema: text,
    example: "GET, HEAD, OPTIONS",
  },
  "WWW-Authenticate": {
    description: "What the token lacks (RFC 6750)",
    required: true,
    schema: text,
    example: "Bearer",
  },
} as const;

export type AnswerHeader = keyof typeof ANSWER_HEADERS;

/** Headers of requests that no route's schema checks: any value is accepted, and some mean nothing. */
export const REQUEST_HEADERS = {
  "X-Request-ID": `Taken when it matches \`${REQUEST_ID_PATTERN.source}\`; else a new id is made`,
  "If-None-Match": "304 when it names the version of today; `*`, lists and weak tags are taken",
  "If-Match": "412 when it does not name the version of today; `*`, lists and weak tags are taken",
  traceparent: "Passed on to the services (W3C Trace Context)",
} as const;

export type RequestHeader = keyof typeof REQUEST_HEADERS;
