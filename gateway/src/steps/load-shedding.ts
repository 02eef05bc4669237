import type { Request, RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import type { InFlight, Phase } from "../exchange/in-flight.ts";
import { HEALTH, type Route } from "../routes.ts";
import type { ServiceName } from "../services.ts";
import { declaresBody } from "../listener/unread-body.ts";
import { TooMany } from "../upstream/failures.ts";
import type { Upstreams } from "../upstream/upstream.ts";

export interface SheddingOptions {
  /** Those that are here now; counted here. */
  readonly inFlight: InFlight;
  /** Of those that are receiving, and of those that are worked on. */
  readonly most: number;
}

/**
 * Requests beyond the cap are refused at once. Whoever waits behind thousands of others gets an answer that nobody waits for any
 * more; refusing keeps the rest fast. Health stays readable: an overloaded gateway that looks dead would be restarted, and its
 * load go to the others.
 */
export function shedLoad(options: SheddingOptions): RequestHandler {
  const { inFlight } = options;
  return (request, response, next) => {
    const phase = firstPhaseOf(request);
    // A body is for nothing when there is no room to work on it.
    const full = isFull(options, phase) || (phase === "receiving" && isFull(options, "working"));
    if (full && !HEALTH.test(request.path)) {
      return next(new TooMany());
    }
    const exchange = exchangeOf(request);
    exchange.phase = phase;
    inFlight[phase] += 1;
    response.on("close", () => {
      inFlight[exchange.phase!] -= 1;
    });
    next();
  };
}

/** Its service holds as many as it may. Further on it would be refused as well, its body read and checked for nothing. */
export function shedForService(
  { answeredBy }: Route,
  upstreams: Upstreams,
): RequestHandler | undefined {
  if (typeof answeredBy === "object" || !(answeredBy in upstreams)) return undefined;
  const upstream = upstreams[answeredBy as ServiceName];
  return (_request, _response, next) => next(upstream.isFull ? new TooMany() : undefined);
}

/** Its body is here: from now on it counts as one at work. */
export function startWork(options: SheddingOptions): RequestHandler {
  const { inFlight } = options;
  return (request, response, next) => {
    const exchange = exchangeOf(request);
    if (exchange.phase === "working") return next();
    // Its client has left, and its place was given back.
    if (response.destroyed) return;
    if (isFull(options, "working")) {
      return next(new TooMany());
    }
    inFlight[exchange.phase!] -= 1;
    exchange.phase = "working";
    inFlight.working += 1;
    next();
  };
}

const isFull = ({ inFlight, most }: SheddingOptions, phase: Phase): boolean =>
  inFlight[phase] >= most;

const firstPhaseOf = (request: Request): Phase => (declaresBody(request) ? "receiving" : "working");
