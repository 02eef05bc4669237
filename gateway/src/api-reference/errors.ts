import type { ErrorCode, ErrorDetail } from "@shop/contracts/errors";

interface ErrorInWords {
  readonly when: string;
  /** As an example. */
  readonly message: string;
  readonly details?: readonly ErrorDetail[];
}

export const ERRORS: Readonly<Record<ErrorCode, ErrorInWords>> = {
  VALIDATION_FAILED: {
    when: "a parameter, a header or a field of the body is wrong, missing or not known; `details` names each",
    message: "The request is not valid: see details for price",
    details: [{ path: "price", message: "must have at most 2 decimals" }],
  },
  MALFORMED_JSON: { when: "the body is not JSON in UTF-8", message: "The body is not valid JSON" },
  BAD_REQUEST: {
    when: "the path is not a plain one, the cursor was not given out by this list, or there is a body where none belongs",
    message: "The cursor is not one that this list gave out",
    details: [{ path: "cursor", message: "take it from nextCursor of the page before, unchanged" }],
  },
  UNAUTHENTICATED: {
    when: "the token is missing or not valid; only where authentication is on",
    message: "The token is not valid here",
  },
  FORBIDDEN: {
    when: "the token lacks the scope; only where authentication is on",
    message: "The token lacks the scope products:write",
  },
  NOT_FOUND: { when: "there is no such route or file", message: "There is no such route" },
  PRODUCT_NOT_FOUND: {
    when: "there is no such product on sale",
    message: "There is no product 26",
  },
  ORDER_NOT_FOUND: {
    when: "there is no such order",
    message: "There is no order 019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20",
  },
  METHOD_NOT_ALLOWED: {
    when: "the path exists, but not with this method",
    message: "This route does not have PATCH",
  },
  PRICE_CHANGED: {
    when: "`price` was given and is not the price any more; there is no order",
    message: "The price has changed",
    details: [{ path: "price", message: "is 1199.5 now" }],
  },
  IDEMPOTENCY_IN_PROGRESS: {
    when: "a request with this key is in flight; try again",
    message: "A request with this key is in flight",
  },
  PRECONDITION_FAILED: {
    when: "`If-Match` names another version",
    message: "The product has changed since",
  },
  PAYLOAD_TOO_LARGE: {
    when: "the body is larger than 100 kB",
    message: "The body is larger than 100 kB",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    when: "the body is not sent as application/json, or is compressed",
    message: "Send the body as application/json",
  },
  IDEMPOTENCY_KEY_REUSED: {
    when: "the key was used with another body",
    message: "This key was used with another body",
  },
  RATE_LIMITED: {
    when: "too many requests of one caller: of a token's subject, else of an address; only where a limit is set",
    message: "Too many requests; try again later",
  },
  INTERNAL: {
    when: "something failed here; the log has it under the request id",
    message: "Something went wrong here",
  },
  BAD_GATEWAY: {
    when: "a service gave no proper answer",
    message: "The service gave no proper answer",
  },
  UNAVAILABLE: {
    when: "a service can't be reached, or there is too much to do; try again",
    message: "The service cannot be reached just now; try again",
  },
  UPSTREAM_TIMEOUT: {
    when: "a service did not answer in time",
    message: "The service did not answer in time",
  },
};
