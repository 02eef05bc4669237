import { ContractError } from "@shop/contracts/errors";

/** The caller has left, or time is up: the gateway ended the call, and it says nothing about the service. */
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

  /** A client that sends such requests must not open the breaker for all the others. */
  get blamesRequest(): boolean {
    return this.status >= 400 && this.status < 500;
  }
}

/** No connection was there to send it on: any request may go to another instance. */
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

/** Codes for a caller's mistakes in Node and undici. Those of streams, sockets and TLS can come from the other side. */
const CALLERS_FAULT = /^(?:ERR_(?!STREAM_|SOCKET_|SSL_|TLS_)|UND_ERR_INVALID_)/;

export const isCallersFault = (error: unknown): boolean => CALLERS_FAULT.test(codeOf(error));

/** A mistake in the gateway, not a failure of a service. */
export function isBug(error: unknown): boolean {
  if (error instanceof ContractError || error instanceof CallEnded) return false;
  if (error instanceof BrokenAnswer || error instanceof NotSent) return false;
  if (isParserError(error)) return false;
  return codeOf(error) === "" || isCallersFault(error);
}

/** Whether it counts for the instance's circuit breaker. */
export function blamesInstance(error: unknown): boolean {
  if (error instanceof BrokenAnswer) return !error.blamesRequest;
  return !(error instanceof CallEnded) && !isBug(error);
}

/** The host answered at once that nothing listens there. */
export const isRefused = (error: unknown): boolean =>
  error instanceof NotSent && codeOf(error.cause) === "ECONNREFUSED";

/** The service may have worked on it. */
export const brokeOff = (error: unknown): boolean =>
  BROKEN_OFF.has(codeOf(error)) || (isParserError(error) && error.message.includes("EOF"));

export const unavailable = (cause?: unknown): ContractError =>
  new ContractError("UNAVAILABLE", "The service cannot be reached just now; try again", [], {
    cause,
  });

/** Load shedding: refused without a try, since so many are in flight. */
export class TooMany extends ContractError {
  constructor() {
    super("UNAVAILABLE", "Too many requests are in flight; try again");
  }
}

export const timedOut = (): ContractError =>
  new ContractError("UPSTREAM_TIMEOUT", "The service did not answer in time");

const badGateway = (cause?: unknown): ContractError =>
  new ContractError("BAD_GATEWAY", "The service gave no proper answer", [], { cause });

/** The client's error for a call that failed. A bug stays what it is, for the log: see steps/errors.ts. */
export function toClientError(error: unknown): unknown {
  if (error instanceof ContractError || isBug(error)) return error;
  return error instanceof NotSent ? unavailable(error) : badGateway(error);
}

/** For errors that only say that a client has left: reading their stack through source maps costs more than the request. */
export function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
