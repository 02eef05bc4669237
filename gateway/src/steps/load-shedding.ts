import type { Request, RequestHandler } from "express";
import { exchangeOf, type InFlight, type Phase } from "../exchange/exchange.ts";
import { declaresBody } from "../listener/unread-body.ts";
import { HEALTH, type Route } from "../routes.ts";
import type { ServiceName } from "../services.ts";
import { TooMany } from "../upstream/failures.ts";
import type { Upstreams } from "../upstream/instances.ts";

export interface SheddingOptions {
  /** Counted by the steps of this file. */
  readonly inFlight: InFlight;
  /** Of the requests that are receiving, and of the ones that are worked on. */
  readonly most: number;
}

/**
 * Refuses requests beyond the cap at once, which keeps the rest fast. Health stays readable: an overloaded gateway that looks dead
 * would be restarted, and its load would go to the others.
 */
export function shedLoad(options: SheddingOptions): RequestHandler {
  const { inFlight } = options;
  return (request, response, next) => {
    const phase = firstPhaseOf(request);
    // Reading a body is wasted when there is no room to work on it.
    const full = isFull(options, phase) || (phase === "receiving" && isFull(options, "working"));
    if (full && !HEALTH.test(request.path)) return next(new TooMany());
    const exchange = exchangeOf(request);
    exchange.phase = phase;
    inFlight[phase] += 1;
    response.on("close", () => {
      inFlight[exchange.phase!] -= 1;
    });
    next();
  };
}

/** Refuses a request whose service is full, before its body is read and checked. */
export function shedForService(
  { answeredBy }: Route,
  upstreams: Upstreams,
): RequestHandler | undefined {
  if (typeof answeredBy === "object" || !(answeredBy in upstreams)) return undefined;
  const upstream = upstreams[answeredBy as ServiceName];
  return (_request, _response, next) => next(upstream.isFull ? new TooMany() : undefined);
}

/** Counts a request as worked on once its body is here. */
export function startWork(options: SheddingOptions): RequestHandler {
  const { inFlight } = options;
  return (request, response, next) => {
    const exchange = exchangeOf(request);
    if (exchange.phase === "working") return next();
    // Its client has left, and its place was given back.
    if (response.destroyed) return;
    if (isFull(options, "working")) return next(new TooMany());
    inFlight[exchange.phase!] -= 1;
    exchange.phase = "working";
    inFlight.working += 1;
    next();
  };
}

const isFull = ({ inFlight, most }: SheddingOptions, phase: Phase): boolean =>
  inFlight[phase] >= most;

const firstPhaseOf = (request: Request): Phase => (declaresBody(request) ? "receiving" : "working");
