import { parse } from "node:querystring";
import { validationFailed } from "@shop/contracts/validation";
import { parseStrictJson } from "@shop/service-kit/http/strict-json";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import { exchangeOf } from "../exchange/exchange.ts";
import type { Values } from "../exchange/values.ts";
import type { Route } from "../routes.ts";

type Issues = z.core.$ZodIssue[];

/** By default `parse` silently drops everything behind the thousandth. The length of a head has its own limit. */
const ALL = { maxKeys: 0 };

const NO_QUERY = z.strictObject({});

/** Checks all of a request by its route's schemas, and names everything that is wrong with it at once. */
export function validate(route: Route): RequestHandler {
  return (request, _response, next) => {
    const issues: Issues = [];
    checkAllButBody(request, route, issues);
    const { body } = exchangeOf(request);
    if (route.body && body) accept(route.body, parseStrictJson(body), issues);
    next(issues.length === 0 ? undefined : validationFailed(issues));
  };
}

function checkAllButBody(request: Request, route: Route, issues: Issues): void {
  const exchange = exchangeOf(request);
  const { params, query, headers } = route;
  if (params) exchange.params = accept(params, request.params, issues) as Values;
  if (headers) accept(headers, request.headers, issues);
  const queryAt = request.url.indexOf("?");
  if (query || queryAt !== -1) {
    const given = queryAt === -1 ? {} : parse(request.url.slice(queryAt + 1), "&", "=", ALL);
    exchange.query = accept(query ?? NO_QUERY, given, issues) as Values;
  }
}

function accept(schema: z.ZodType, given: unknown, issues: Issues): unknown {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  issues.push(...result.error.issues);
  return undefined;
}
