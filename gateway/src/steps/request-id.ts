import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { withRequestId } from "@shop/service-kit/log/request-id";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";

/**
 * Gives each request its id, on the answer and around everything that is logged on the way. cls-rtracer's `runWithId`, as in the
 * services: its Express middleware also wraps each listener of request and response (docs/decisions/0023).
 */
export const followRequest: RequestHandler = (request, response, next) => {
  const { requestId } = exchangeOf(request);
  response.setHeader(REQUEST_ID_HEADER, requestId);
  withRequestId(requestId, next);
};
