import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { ErrorRequestHandler } from "express";
import { sendFailure } from "../exchange/answers.ts";
import { TooMany } from "../upstream/failures.ts";

export interface ErrorOptions {
  readonly log: Logger;
  /** For each request that was refused because too many were in flight. */
  readonly onShed: () => void;
}

/** The one place where errors become answers. An error that is not of the contract is a bug: the log gets all, the client nothing. */
export function answerErrors({ log, onShed }: ErrorOptions): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const error = toContractError(thrown);
    if (error instanceof TooMany) onShed();
    if (error.code === "INTERNAL") log.error({ err: thrown }, "a request failed");
    sendFailure(request, response, error);
  };
}

function toContractError(thrown: unknown): ContractError {
  if (thrown instanceof ContractError) return thrown;
  // Express's router throws it for a path that can't be decoded.
  if (thrown instanceof URIError) {
    return new ContractError("BAD_REQUEST", "The path is not a plain one");
  }
  return new ContractError("INTERNAL", "Something went wrong here");
}
