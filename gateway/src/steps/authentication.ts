import { ContractError } from "@shop/contracts/errors";
import type { NextFunction, Request, RequestHandler } from "express";
import { exchangeOf, type Exchange } from "../exchange/exchange.ts";
import { HEALTH, type Route } from "../routes.ts";
import type { TokenVerifier } from "../tokens/token-verifier.ts";

const BEARER = "bearer ";

/** Health checks, and a browser's preflight: it carries no token, and many callers share its address. */
export const needsNoCaller = ({ method, path }: Request): boolean =>
  method === "OPTIONS" || HEALTH.test(path);

/** Finds the caller of a token that was verified a moment ago, and notes a token that has to be verified. */
export function readToken(tokens: TokenVerifier): RequestHandler {
  return (request, _response, next) => {
    const token = tokenIn(request.headers.authorization);
    if (token === "") return next();
    const exchange = exchangeOf(request);
    exchange.caller = tokens.remembered(token);
    if (exchange.caller === undefined && !needsNoCaller(request)) exchange.token = token;
    next();
  };
}

/** Verifies the token. A bad one is refused where a route needs one, and counts as none elsewhere. */
export function verifyToken(tokens: TokenVerifier): RequestHandler {
  const verify = async (token: string, exchange: Exchange, next: NextFunction): Promise<void> => {
    try {
      exchange.caller = await tokens.verify(token);
    } catch (error) {
      exchange.tokenFault = error;
    }
    next();
  };
  return (request, _response, next) => {
    const exchange = exchangeOf(request);
    return exchange.token === undefined ? next() : verify(exchange.token, exchange, next);
  };
}

/** Refuses a caller without a good token, or without the scope of the route. */
export function authenticate({ scope }: Route): RequestHandler {
  return (request, response, next) => {
    const { caller, tokenFault } = exchangeOf(request);
    if (caller === undefined) {
      const isBad = tokenFault instanceof ContractError && tokenFault.code === "UNAUTHENTICATED";
      if (isBad) response.setHeader("www-authenticate", 'Bearer error="invalid_token"');
      if (tokenFault !== undefined) throw tokenFault;
      response.setHeader("www-authenticate", "Bearer");
      throw new ContractError("UNAUTHENTICATED", "Send a token: Authorization: Bearer …");
    }
    if (scope === undefined || caller.scopes.includes(scope)) return next();
    const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
    response.setHeader("www-authenticate", challenge);
    throw new ContractError("FORBIDDEN", `The token lacks the scope ${scope}`);
  };
}

function tokenIn(authorization = ""): string {
  const scheme = authorization.slice(0, BEARER.length).toLowerCase();
  return scheme === BEARER ? authorization.slice(BEARER.length).trim() : "";
}
