import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { withRequestId } from "@shop/service-kit/log/request-id";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";

/**
 * Takes the caller's id if it is a safe one, else makes one; it is on the answer, and around everything that is logged on the
 * way. cls-rtracer's own middleware would take any value, and wraps every emitter of the request, which costs more than the
 * rest of the steps together.
 */
export const followRequest: RequestHandler = (request, response, next) => {
  const { requestId } = exchangeOf(request);
  response.setHeader(REQUEST_ID_HEADER, requestId);
  withRequestId(requestId, next);
};
