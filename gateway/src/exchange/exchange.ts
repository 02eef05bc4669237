import type { IncomingMessage } from "node:http";
import type { Scope } from "@shop/contracts/access";
import type { ContractError } from "@shop/contracts/errors";
import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { acceptRequestId } from "@shop/service-kit/log/request-id";
import type { Count } from "../rate-limit/counts.ts";
import type { Route } from "../routes.ts";
import type { Attempt } from "../upstream/instances.ts";
import type { Values } from "./values.ts";

declare global {
  // oxlint-disable-next-line typescript/no-namespace -- the one way to give Express's request a field
  namespace Express {
    interface Request {
      exchange?: Exchange;
    }
  }
}

/** The subject of a verified token, and its scopes. */
export interface Caller {
  readonly subject: string;
  /** For logs and counters: a subject may be an e-mail address. */
  readonly pseudonym: string;
  readonly scopes: readonly Scope[];
}

/**
 * What a request waits for. Each phase is counted apart: clients that are slow to send a body, or to read a whole answer, are not in
 * the way of others. The first two have a cap of requests, the last has a cap of bytes: listener/waiting-bytes.ts.
 */
export type Phase = "receiving" | "working" | "sending";

export type InFlight = Record<Phase, number>;

export const allInFlight = ({ receiving, working, sending }: InFlight): number =>
  receiving + working + sending;

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
  /** Where it is counted; a request that was shed is not. */
  phase: Phase | undefined = undefined;
  /** The bytes that are parsed and sent on; from the validation on they are valid. */
  body: Buffer | undefined = undefined;
  /** The try that is in flight; for the proxy. */
  attempt: Attempt | undefined = undefined;
  /** The error that the client got, for the log. */
  failure: ContractError | undefined = undefined;

  constructor(request: IncomingMessage) {
    this.requestId = acceptRequestId(request.headers[REQUEST_ID_HEADER]);
  }
}

/** Made on first use, so that even a request that no step has seen gets an answer with an id. */
export function exchangeOf(request: IncomingMessage & { exchange?: Exchange }): Exchange {
  return (request.exchange ??= new Exchange(request));
}
