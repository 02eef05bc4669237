import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";
import { HEALTH } from "../routes.ts";

export interface SheddingOptions {
  /** Those at work now; counted here. */
  readonly inFlight: { count: number };
  readonly most: number;
  readonly onShed: () => void;
}

/**
 * Requests beyond the cap are refused at once. Whoever waits behind thousands of others gets an answer that nobody waits for any
 * more; refusing keeps the rest fast. Health stays readable: an overloaded gateway that looks dead would be restarted, and its
 * load go to the others.
 */
export function shedLoad({ inFlight, most, onShed }: SheddingOptions): RequestHandler {
  return (request, response, next) => {
    if (inFlight.count >= most && !HEALTH.test(request.path)) {
      onShed();
      return next(new ContractError("UNAVAILABLE", "Too many requests are at work; try again"));
    }
    inFlight.count += 1;
    response.on("close", () => {
      inFlight.count -= 1;
    });
    next();
  };
}
