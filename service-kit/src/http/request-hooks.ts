import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../log/logger.ts";
import type { HealthReport } from "../observe/health.ts";
import { acceptRequestId, withRequestId } from "../log/request-id.ts";
import { toContractError } from "./contract-error.filter.ts";

export interface HttpObserver {
  answered(route: string, method: string, status: number, ms: number): void;
}

/** Gives each request its id, in the answer and in everything that is logged or emitted on its behalf, and counts it. */
export function followRequests(
  fastify: FastifyInstance,
  { log, observer, health }: { log: Logger; observer: HttpObserver; health: HealthReport },
): void {
  fastify.addHook("onRequest", (request, reply, done) => {
    const requestId = acceptRequestId(request.headers[REQUEST_ID_HEADER]);
    void reply.header(REQUEST_ID_HEADER, requestId);
    if (health.isStopping) void reply.header("connection", "close");
    withRequestId(requestId, done);
  });

  // A connection that stays open after its last answer would hold up the stop.
  let closing = false;
  fastify.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  fastify.addHook("onSend", (_request, reply, payload, done) => {
    if (closing) void reply.header("connection", "close");
    done(null, payload);
  });

  fastify.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const { statusCode } = reply;
    observer.answered(route, request.method, statusCode, reply.elapsedTime);
    log.debug(
      {
        requestId: reply.getHeader(REQUEST_ID_HEADER),
        method: request.method,
        route,
        status: statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      "answered",
    );
    done();
  });
}

/** A path that can't be decoded is refused before any hook and any route. */
export function answerBadPath(
  thrown: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const error = toContractError(thrown);
  void reply.header(REQUEST_ID_HEADER, acceptRequestId(request.headers[REQUEST_ID_HEADER]));
  void reply.status(error.status).send(error.toBody());
}
