import { ContractError, ERROR_CODES, errorBody, type ErrorCode } from "@shop/contracts/errors";
import { BrokenAnswer } from "./failures.ts";

/** A service's error, when it is one of the contract; anything else is a broken answer. */
export function parseServiceError(status: number, text: string): ContractError {
  const { success, data } = errorBody.safeParse(parseOrNothing(text));
  if (!success || !maySay(data.code, status)) {
    throw new BrokenAnswer(`the answer was ${status} and no error of the contract`, status);
  }
  return new ContractError(data.code, data.message, data.details);
}

const maySay = (code: ErrorCode, status: number): boolean =>
  ERROR_CODES[code].fromService && ERROR_CODES[code].status === status;

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
