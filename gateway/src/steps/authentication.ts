import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";
import { exchangeOf, type Caller } from "../exchange.ts";
import type { Route } from "../routes.ts";
import type { VerifyToken } from "../token-verifier.ts";

const BEARER = /^bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** Who calls, and whether that caller may. */
export function authenticate({ scope }: Route, verify: VerifyToken): RequestHandler {
  return async (request, response, next) => {
    const refuse = (challenge: string, error: ContractError): ContractError => {
      response.setHeader("www-authenticate", challenge);
      return error;
    };
    const [, token] = BEARER.exec(request.headers.authorization ?? "") ?? [];
    if (token === undefined) {
      const how = "Send a token: Authorization: Bearer …";
      throw refuse("Bearer", new ContractError("UNAUTHENTICATED", how));
    }
    const caller = await checked(verify, token, refuse);
    exchangeOf(request).caller = caller;
    if (scope !== undefined && !caller.scopes.includes(scope)) {
      const lacking = new ContractError("FORBIDDEN", `The token lacks the scope ${scope}`);
      throw refuse(`Bearer error="insufficient_scope", scope="${scope}"`, lacking);
    }
    next();
  };
}

async function checked(
  verify: VerifyToken,
  token: string,
  refuse: (challenge: string, error: ContractError) => ContractError,
): Promise<Caller> {
  try {
    return await verify(token);
  } catch (error) {
    if (!(error instanceof ContractError) || error.code !== "UNAUTHENTICATED") throw error;
    throw refuse('Bearer error="invalid_token"', error);
  }
}
