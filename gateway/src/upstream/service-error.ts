import { ContractError, ERROR_STATUS, errorBody, type ErrorCode } from "@shop/contracts/errors";
import { BrokenAnswer } from "./failures.ts";

/** What a service may say of a request. The rest would speak of the gateway's own call: a route it does not have, a token. */
const SERVICE_CODES = new Set<ErrorCode>([
  "VALIDATION_FAILED",
  "MALFORMED_JSON",
  "BAD_REQUEST",
  "PRODUCT_NOT_FOUND",
  "ORDER_NOT_FOUND",
  "PRICE_CHANGED",
  "IDEMPOTENCY_IN_PROGRESS",
  "PRECONDITION_FAILED",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "IDEMPOTENCY_KEY_REUSED",
  "INTERNAL",
  "UNAVAILABLE",
]);

/** A service's error, when it is one of the contract; anything else is a broken answer. */
export function parseServiceError(status: number, text: string): ContractError {
  const { success, data } = errorBody.safeParse(parseOrNothing(text));
  if (!success || ERROR_STATUS[data.code] !== status || !SERVICE_CODES.has(data.code)) {
    throw new BrokenAnswer(`the answer was ${status} and no error of the contract`, status);
  }
  return new ContractError(data.code, data.message, data.details);
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
