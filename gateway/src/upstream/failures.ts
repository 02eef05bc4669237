import { ContractError } from "@shop/contracts/errors";
import { CONNECT_TIMEOUT } from "./connect-limit.ts";

/** The caller has left, or time is up: the call was ended by us, and says nothing about the service. */
export class CallEnded extends Error {
  override readonly name = "CallEnded";
}

/** What came back is not an answer of a service of ours. */
export class BrokenAnswer extends Error {
  override readonly name = "BrokenAnswer";

  constructor(
    message: string,
    /** None when the answer was broken before it had one. */
    private readonly status = 0,
  ) {
    super(message);
  }

  /** It is about this one request: whoever sends such ones must not get the instance left out for all the others. */
  get blamesRequest(): boolean {
    return this.status >= 400 && this.status < 500;
  }
}

const GAVE_UP_CONNECTING = new Set(["UND_ERR_CONNECT_TIMEOUT", CONNECT_TIMEOUT]);

/** Of many codes, some of which mean something else once there is a connection. */
const BEFORE_CONNECTED = new Set(["connect", "getaddrinfo"]);

const BROKEN_OFF = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_SOCKET",
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "";

const syscallOf = (error: unknown): string =>
  error instanceof Error && "syscall" in error ? String(error.syscall) : "";

/** Whether it tells that the instance is not well. */
export const tellsOfInstance = (error: unknown): boolean =>
  !(error instanceof CallEnded) && !(error instanceof BrokenAnswer && error.blamesRequest);

/** Nothing was sent: any request may go to another instance. */
export function wasNotSent(error: unknown): boolean {
  // One for each address of the host.
  if (error instanceof AggregateError) return error.errors.every(wasNotSent);
  return GAVE_UP_CONNECTING.has(codeOf(error)) || BEFORE_CONNECTED.has(syscallOf(error));
}

/** It said so at once. */
export const refused = (error: unknown): boolean => codeOf(error) === "ECONNREFUSED";

/** It may have been worked on. */
export const brokeOff = (error: unknown): boolean => BROKEN_OFF.has(codeOf(error));

export const unavailable = (cause?: unknown): ContractError =>
  new ContractError("UNAVAILABLE", "The service cannot be reached just now; try again", [], {
    cause,
  });

export const timedOut = (): ContractError =>
  new ContractError("UPSTREAM_TIMEOUT", "The service did not answer in time");

const badGateway = (cause?: unknown): ContractError =>
  new ContractError("BAD_GATEWAY", "The service gave no proper answer", [], { cause });

/** What the client is told of a call that failed. */
export function toClientError(error: unknown): ContractError {
  if (error instanceof ContractError) return error;
  return wasNotSent(error) ? unavailable(error) : badGateway(error);
}
