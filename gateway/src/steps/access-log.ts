import type { Logger } from "@shop/service-kit/log/logger";
import type { Request, RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";

const MAX_PATH_CHARACTERS = 200;
/** No status was sent; nginx has made this number known for it. */
const CLIENT_LEFT = 499;

export interface AccessLogOptions {
  readonly log: Logger;
  /** Each request at info, so that one search for an id shows its way through all programs. */
  readonly everyRequest: boolean;
  readonly slowMs: number;
  readonly observe: (ms: number, method: string, route: string, status: number) => void;
}

/**
 * Counts every request and logs the ones that an operator wants to see: failures of ours and slow ones at warn, the rest at debug,
 * as whoever looks after our health always is.
 * Refusals under load are counted only: writing them out would cost more than they do. Never bodies, headers or the query.
 */
export function accessLog({
  log,
  everyRequest,
  slowMs,
  observe,
}: AccessLogOptions): RequestHandler {
  const usual = everyRequest ? "info" : "debug";
  return (request, response, next) => {
    response.on("close", () => {
      const exchange = exchangeOf(request);
      const { startedAt, route, failure } = exchange;
      const ms = performance.now() - startedAt;
      const status = response.headersSent ? response.statusCode : CLIENT_LEFT;
      observe(ms, request.method, route?.path ?? "none", status);

      const failed = status >= 500 && failure?.code !== "UNAVAILABLE";
      const level =
        failed || ms >= slowMs ? "warn" : route?.answeredBy === "health" ? "debug" : usual;
      if (!log.isLevelEnabled(level)) return;
      log[level](
        lineOf(request, status, ms),
        response.writableFinished ? "answered" : "broken off",
      );
    });
    next();
  };
}

function lineOf(request: Request, status: number, ms: number): object {
  const { requestId, route, caller, failure } = exchangeOf(request);
  const path = request.originalUrl.split("?", 1)[0] ?? "";
  return {
    event: "request",
    requestId,
    method: request.method,
    path: path.slice(0, MAX_PATH_CHARACTERS),
    route: route?.path,
    status,
    code: failure?.code,
    cause: failure?.cause instanceof Error ? failure.cause.message : undefined,
    caller: caller?.pseudonym,
    ms: Math.round(ms * 10) / 10,
  };
}
