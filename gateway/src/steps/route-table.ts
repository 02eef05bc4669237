import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import { PREFIXES, ROUTES, type Route } from "../routes.ts";

/** The routes by their path, in the order of the table. */
export const routesByPath = (): [path: string, routes: Route[]][] => [
  ...Map.groupBy(ROUTES, ({ path }) => path),
];

export const withPrefixes = (path: string): string[] => PREFIXES.map((prefix) => prefix + path);

export function allowOf(routes: readonly Route[]): string {
  const methods = new Set<string>(routes.map(({ method }) => method));
  if (methods.has("GET")) methods.add("HEAD");
  return [...methods, "OPTIONS"].join(", ");
}

/** Remembers the route for the later steps, the log and the metrics. */
export const enterRoute =
  (route: Route): RequestHandler =>
  (request, _response, next) => {
    exchangeOf(request).route = route;
    next();
  };

export const answerOptions =
  (allow: string): RequestHandler =>
  (_request, response) => {
    response.setHeader("allow", allow);
    // It is there when a page of an allowed origin asks.
    if (response.hasHeader("access-control-allow-origin")) {
      response.setHeader("access-control-allow-methods", allow);
    }
    response.statusCode = 204;
    response.end();
  };

export const refuseMethod =
  (allow: string): RequestHandler =>
  (request, response, next) => {
    response.setHeader("allow", allow);
    next(new ContractError("METHOD_NOT_ALLOWED", `This route does not have ${request.method}`));
  };

/** `OPTIONS *` asks about the whole server. */
export function answerServerOptions(): RequestHandler {
  const answer = answerOptions(allowOf(ROUTES));
  return (request, response, next) => {
    if (request.url === "*") void answer(request, response, next);
    else next();
  };
}

export const notFound: RequestHandler = (_request, _response, next) => {
  next(new ContractError("NOT_FOUND", "There is no such route"));
};
