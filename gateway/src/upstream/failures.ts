import { ContractError } from "@shop/contracts/errors";
import { withoutStacks } from "./without-stacks.ts";

/** The caller has left, or time is up: the call was ended by us, and says nothing about the service. */
export class CallEnded extends Error {
  override readonly name = "CallEnded";
}

export const callEnded = (why: string): CallEnded => withoutStacks(() => new CallEnded(why));

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

/** It never got as far as a connection: any request may go to another instance. */
export class NotSent extends Error {
  override readonly name = "NotSent";

  constructor(override readonly cause: Error) {
    // One error for each of a host's addresses has no message of its own.
    super(cause.message || codeOf(cause));
  }
}

const BROKEN_OFF = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_SOCKET",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** undici's parser gives its errors no code. */
const isParserError = (error: unknown): error is Error =>
  error instanceof Error && error.name === "HTTPParserError";

/** What Node and undici say to a caller that does something wrong. On streams, sockets and TLS the other side can be the reason. */
const CALLERS_FAULT = /^(?:ERR_(?!STREAM_|SOCKET_|SSL_|TLS_)|UND_ERR_INVALID_)/;

export const isCallersFault = (error: unknown): boolean => CALLERS_FAULT.test(codeOf(error));

/** No trouble with a service: a mistake in here, which nobody must take for one. */
export function isBug(error: unknown): boolean {
  if (error instanceof ContractError || error instanceof CallEnded) return false;
  if (error instanceof BrokenAnswer || error instanceof NotSent) return false;
  if (isParserError(error)) return false;
  return codeOf(error) === "" || isCallersFault(error);
}

/** Whether it tells that the instance is not well. */
export function tellsOfInstance(error: unknown): boolean {
  if (error instanceof BrokenAnswer) return !error.blamesRequest;
  return !(error instanceof CallEnded) && !isBug(error);
}

export const wasNotSent = (error: unknown): boolean => error instanceof NotSent;

/** It said so at once. */
export const refused = (error: unknown): boolean =>
  error instanceof NotSent && codeOf(error.cause) === "ECONNREFUSED";

/** It may have been worked on. */
export const brokeOff = (error: unknown): boolean =>
  BROKEN_OFF.has(codeOf(error)) || (isParserError(error) && error.message.includes("EOF"));

export const unavailable = (cause?: unknown): ContractError =>
  new ContractError("UNAVAILABLE", "The service cannot be reached just now; try again", [], {
    cause,
  });

/** Refused without a try: so many are at work that this one would wait for nothing. */
export class TooMany extends ContractError {
  constructor() {
    super("UNAVAILABLE", "Too many requests are at work; try again");
  }
}

export const timedOut = (): ContractError =>
  new ContractError("UPSTREAM_TIMEOUT", "The service did not answer in time");

const badGateway = (cause?: unknown): ContractError =>
  new ContractError("BAD_GATEWAY", "The service gave no proper answer", [], { cause });

/** What the client is told of a call that failed. A bug stays what it is, for the log: see steps/errors.ts. */
export function toClientError(error: unknown): unknown {
  if (error instanceof ContractError || isBug(error)) return error;
  return wasNotSent(error) ? unavailable(error) : badGateway(error);
}
