import type { IncomingMessage } from "node:http";
import type { Scope } from "@shop/contracts/access";
import type { ContractError } from "@shop/contracts/errors";
import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { acceptRequestId } from "@shop/service-kit/log/request-id";
import type { Phase } from "./in-flight.ts";
import type { Route } from "../routes.ts";
import type { Count } from "../rate-limit/counts.ts";

declare global {
  // oxlint-disable-next-line typescript/no-namespace -- the one way to give Express's request a field
  namespace Express {
    interface Request {
      exchange?: Exchange;
    }
  }
}

/** Who calls, as a checked token says it. */
export interface Caller {
  readonly subject: string;
  /** For logs and counters: a subject may be an e-mail address. */
  readonly pseudonym: string;
  readonly scopes: readonly Scope[];
}

/** Parameters of a path or a query, as their schemas gave them back. */
export type Values = Readonly<Record<string, string | number | undefined>>;

const NONE: Values = Object.freeze({});

/** What the steps know of one request. One class of fixed shape: there is one for every request. */
export class Exchange {
  readonly requestId: string;
  readonly startedAt = performance.now();
  route: Route | undefined = undefined;
  /** As it was sent, where it has to be verified. */
  token: string | undefined = undefined;
  /** Why it is not good, or could not be verified. */
  tokenFault: unknown = undefined;
  /** What the token's address has, this request included, where it was counted before the token was verified. */
  addressCount: Count | undefined = undefined;
  caller: Caller | undefined = undefined;
  params: Values = NONE;
  query: Values = NONE;
  /** Where it is counted; what was refused at the door is not. */
  phase: Phase | undefined = undefined;
  /** The very bytes that are parsed; from the validation on they are valid. */
  body: Buffer | undefined = undefined;
  /** What the client was told instead of an answer, for the log. */
  failure: ContractError | undefined = undefined;

  constructor(request: IncomingMessage) {
    this.requestId = acceptRequestId(request.headers[REQUEST_ID_HEADER]);
  }
}

/** Made when first asked for, so that even a request that no step has seen gets an answer with an id. */
export function exchangeOf(request: IncomingMessage & { exchange?: Exchange }): Exchange {
  return (request.exchange ??= new Exchange(request));
}
