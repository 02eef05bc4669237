import type { Logger } from "@shop/service-kit/log/logger";
import type { Request, RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";

const MAX_PATH_CHARACTERS = 200;
/** The client left before a status was sent; the number is known from nginx. */
const CLIENT_LEFT = 499;

export interface AccessLogOptions {
  readonly log: Logger;
  /** Each request at info, so that one search for an id shows its way through all programs. */
  readonly everyRequest: boolean;
  readonly slowMs: number;
  readonly observe: (ms: number, method: string, route: string, status: number) => void;
}

/**
 * Counts every request, and logs failures of ours and slow requests at warn, the rest at debug; health checks are always at debug.
 * Refusals under load are counted only: writing a line costs more than the refusal. Never logs bodies, headers or the query.
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
      const { startedAt, route, failure } = exchangeOf(request);
      const ms = performance.now() - startedAt;
      const status = response.headersSent ? response.statusCode : CLIENT_LEFT;
      observe(ms, request.method, route?.path ?? "none", status);

      const failed = status >= 500 && failure?.code !== "UNAVAILABLE";
      const level =
        failed || ms >= slowMs ? "warn" : route?.answeredBy === "health" ? "debug" : usual;
      if (!log.isLevelEnabled(level)) return;
      const line = lineOf(request, status, ms);
      log[level](line, response.writableFinished ? "answered" : "broken off");
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
