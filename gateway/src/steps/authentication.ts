import { ContractError } from "@shop/contracts/errors";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { exchangeOf, type Caller } from "../exchange.ts";
import type { Route } from "../routes.ts";
import type { VerifyToken } from "../token-verifier.ts";

const BEARER = "bearer ";

/** Who calls, and whether that caller may. */
export function authenticate({ scope }: Route, verify: VerifyToken): RequestHandler {
  const admit = (caller: Caller, request: Request, response: Response): void => {
    exchangeOf(request).caller = caller;
    if (scope === undefined || caller.scopes.includes(scope)) return;
    const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
    response.setHeader("www-authenticate", challenge);
    throw new ContractError("FORBIDDEN", `The token lacks the scope ${scope}`);
  };

  return (request, response, next) => {
    const token = tokenIn(request.headers.authorization);
    if (token === "") {
      response.setHeader("www-authenticate", "Bearer");
      throw new ContractError("UNAUTHENTICATED", "Send a token: Authorization: Bearer …");
    }
    const caller = verify(token);
    if (caller instanceof Promise) return admitLater(caller, { admit, request, response, next });
    // A token that was seen before costs no turn of its own.
    admit(caller, request, response);
    return next();
  };
}

function tokenIn(authorization = ""): string {
  const scheme = authorization.slice(0, BEARER.length).toLowerCase();
  return scheme === BEARER ? authorization.slice(BEARER.length).trim() : "";
}

interface Waiting {
  readonly admit: (caller: Caller, request: Request, response: Response) => void;
  readonly request: Request;
  readonly response: Response;
  readonly next: NextFunction;
}

async function admitLater(
  checking: Promise<Caller>,
  { admit, request, response, next }: Waiting,
): Promise<void> {
  try {
    admit(await checking, request, response);
  } catch (error) {
    if (error instanceof ContractError && error.code === "UNAUTHENTICATED") {
      response.setHeader("www-authenticate", 'Bearer error="invalid_token"');
    }
    throw error;
  }
  next();
}
