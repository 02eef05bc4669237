import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { trustSetting } from "./exchange/client-address.ts";
import type { Route } from "./routes.ts";
import { accessLog, type AccessLogOptions } from "./steps/access-log.ts";
import { answerRoute, type AnswerOptions } from "./steps/answer-route.ts";
import { authenticate, readToken, verifyToken } from "./steps/authentication.ts";
import { cors } from "./steps/cors.ts";
import { answerErrors, type ErrorOptions } from "./steps/errors.ts";
import { inOrder } from "./steps/in-order.ts";
import { sayGoodbye } from "./steps/leaving.ts";
import {
  shedForService,
  shedLoad,
  startWork,
  type SheddingOptions,
} from "./steps/load-shedding.ts";
import { refuseAmbiguousHeads } from "./steps/message-hygiene.ts";
import { notFound } from "./steps/not-found.ts";
import { refuseBadPaths } from "./steps/path-hygiene.ts";
import { takeBody } from "./steps/read-body.ts";
import { followRequest } from "./steps/request-id.ts";
import * as table from "./steps/route-table.ts";
import { securityHeaders } from "./steps/security-headers.ts";
import { validate } from "./steps/validation.ts";
import type { RateLimit } from "./rate-limit/rate-limit.ts";
import type { TokenVerifier } from "./tokens/token-verifier.ts";
import type { WaitingBytes } from "./listener/waiting-bytes.ts";

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
 * Every request, in this order. The id and the log come before the first refusal, so that it can be found as well, and so do the
 * headers of every answer, which browsers need to show it. Neither of these steps answers anything itself, not even a preflight.
 * The rate limit counts by who calls, which only a verified token says, and verifying has a limit before it.
 */
const onEveryRequest = ({ tokens, rateLimit, ...options }: PipelineOptions): Step[] => [
  ["request id", followRequest],
  ["access log", accessLog(options.accessLog)],
  ["leaving", sayGoodbye(options.isStopping)],
  ["security headers", securityHeaders()],
  ["cors", cors(options.corsOrigins)],
  ["message hygiene", refuseAmbiguousHeads],
  ["path hygiene", refuseBadPaths],
  ["load shedding", shedLoad(options.shedding)],
  ["token", tokens && readToken(tokens)],
  ["rate limit, of what is verified", tokens && rateLimit?.beforeVerifying],
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

/** And whatever is left. */
const atTheEnd = ({ errors }: PipelineOptions): Step<RequestHandler | ErrorRequestHandler>[] => [
  ["whole server", table.tellAllMethods()],
  ["not found", notFound],
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
    place.options(table.tellMethods(allow)).all(table.refuseMethod(allow));
  }
  for (const step of stepsOf(atTheEnd(options))) app.use(step);
  return app;
}

const stepsOf = <Handler>(steps: readonly Step<Handler>[]): Handler[] =>
  steps.map(([, step]) => step).filter((step) => step !== undefined);

const methodOf = ({ method }: Route) => method.toLowerCase() as "get" | "post" | "put" | "delete";
