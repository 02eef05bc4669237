import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { trustSetting } from "./exchange/client-address.ts";
import type { WaitingBytes } from "./listener/waiting-bytes.ts";
import type { RateLimit } from "./rate-limit/rate-limit.ts";
import type { Route } from "./routes.ts";
import { accessLog, type AccessLogOptions } from "./steps/access-log.ts";
import { answerRoute, type AnswerOptions } from "./steps/answer-route.ts";
import { authenticate, readToken, verifyToken } from "./steps/authentication.ts";
import { cors } from "./steps/cors.ts";
import { answerErrors, type ErrorOptions } from "./steps/errors.ts";
import {
  shedForService,
  shedLoad,
  startWork,
  type SheddingOptions,
} from "./steps/load-shedding.ts";
import { takeBody } from "./steps/read-body.ts";
import { refuseAmbiguousHeads, refuseBadPaths } from "./steps/request-hygiene.ts";
import { followRequest } from "./steps/request-id.ts";
import * as table from "./steps/route-table.ts";
import { securityHeaders } from "./steps/security-headers.ts";
import { validate } from "./steps/validation.ts";
import { closeWhileStopping } from "./stop-gateway.ts";
import type { TokenVerifier } from "./tokens/token-verifier.ts";

export interface PipelineOptions {
  readonly errors: ErrorOptions;
  readonly trustedProxies: number | readonly string[];
  readonly accessLog: AccessLogOptions;
  readonly isStopping: () => boolean;
  readonly corsOrigins: readonly string[] | undefined;
  readonly shedding: SheddingOptions;
  readonly waiting: WaitingBytes;
  readonly rateLimit: Pick<RateLimit, "beforeVerifying" | "step"> | undefined;
  readonly tokens: TokenVerifier | undefined;
  readonly answers: AnswerOptions;
}

type Step<Handler = RequestHandler> = readonly [name: string, step: Handler | undefined];

/**
 * Every request, in this order. The log and the id come before the first refusal, so that it can be found as well, and so do the
 * headers of every answer, which browsers need to show it. None of these steps answers anything itself, not even a preflight. The
 * rate limit counts by caller, which only a verified token names, and verifying has a limit before it.
 */
const onEveryRequest = ({ tokens, rateLimit, ...options }: PipelineOptions): Step[] => [
  ["access log", accessLog(options.accessLog)],
  ["request id", followRequest],
  ["close while stopping", closeWhileStopping(options.isStopping)],
  ["security headers", securityHeaders],
  ["cors", cors(options.corsOrigins)],
  ["head", refuseAmbiguousHeads],
  ["path", refuseBadPaths],
  ["load shedding", shedLoad(options.shedding)],
  ["token", tokens && readToken(tokens)],
  ["rate limit, before verifying", tokens && rateLimit?.beforeVerifying],
  ["caller", tokens && rateLimit && verifyToken(tokens)],
  ["rate limit", rateLimit?.step],
];

/** Then, on the route that fits. */
const onRoute = (
  route: Route,
  { tokens, rateLimit, shedding, waiting, answers }: PipelineOptions,
): Step[] => [
  ["route", table.enterRoute(route)],
  ["load shedding, of its service", shedForService(route, answers.upstreams)],
  [
    "caller, where nothing is counted",
    tokens && !rateLimit && !route.open ? verifyToken(tokens) : undefined,
  ],
  ["authentication", tokens && !route.open ? authenticate(route) : undefined],
  ["body", takeBody(route, waiting)],
  ["load shedding, with the body", route.body && startWork(shedding)],
  ["validation", validate(route)],
  ["answer", answerRoute(route, answers)],
];

/** And whatever no route has answered. */
const atTheEnd = ({ errors }: PipelineOptions): Step<RequestHandler | ErrorRequestHandler>[] => [
  ["options of the whole server", table.answerServerOptions()],
  ["not found", table.notFound],
  ["errors", answerErrors(errors)],
];

export function buildPipeline(options: PipelineOptions): Express {
  const app = express();
  app.disable("x-powered-by").disable("etag").disable("query parser");
  app.enable("case sensitive routing").enable("strict routing");
  app.set("trust proxy", trustSetting(options.trustedProxies));

  app.use(inOrder(stepsOf(onEveryRequest(options))));
  for (const [path, routes] of table.routesByPath()) {
    const allow = table.allowOf(routes);
    const place = app.route(table.withPrefixes(path) as unknown as string);
    for (const route of routes) {
      place[methodOf(route)](inOrder(stepsOf(onRoute(route, options))));
    }
    place.options(table.answerOptions(allow)).all(table.refuseMethod(allow));
  }
  for (const step of stepsOf(atTheEnd(options))) app.use(step);
  return app;
}

const stepsOf = <Handler>(steps: readonly Step<Handler>[]): Handler[] =>
  steps.map(([, step]) => step).filter((step) => step !== undefined);

const methodOf = ({ method }: Route) => method.toLowerCase() as "get" | "post" | "put" | "delete";

/** One handler that runs several steps. Express matches path and method again before each handler of its own, which costs more. */
function inOrder(steps: readonly RequestHandler[]): RequestHandler {
  return (request, response, done) => {
    let at = 0;
    const next = (error?: unknown): void => {
      const step = steps[at];
      if (error !== undefined || step === undefined) return done(error);
      at += 1;
      const running: unknown = step(request, response, next);
      // oxlint-disable-next-line promise/no-callback-in-promise, promise/no-promise-in-callback -- as Express itself does it
      if (running instanceof Promise) running.catch(done);
    };
    next();
  };
}
