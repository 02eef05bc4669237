import type { ContractError, ErrorBody, ErrorCode } from "@shop/contracts/errors";
import { JSON_TYPE } from "@shop/contracts/headers";
import type { Request, Response } from "express";
import { endAfterUnreadBody, endOnceBodyIsHere } from "../listener/unread-body.ts";
import { exchangeOf } from "./exchange.ts";

/**
 * The envelope as text around a service's bytes: `data` is what the service sent, never parsed and never built again. Ids hold
 * no character that JSON escapes, so they are put in as they are.
 */
const ENVELOPE_START = '{"success":true,"data":';

export const envelopeEnd = (requestId: string, moreMeta = ""): string =>
  `,"meta":{"requestId":"${requestId}","timestamp":"${timestamp()}"${moreMeta}}}`;

let stampedAt = 0;
let stamp = "";

/** The same for all answers of a millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stampedAt) {
    stampedAt = now;
    stamp = new Date(now).toISOString();
  }
  return stamp;
}

export const failureText = (error: ErrorBody, requestId: string): string =>
  `{"success":false,"error":${JSON.stringify(error)}${envelopeEnd(requestId)}`;

const RETRY_AFTER_S = "1";
const TRY_AGAIN: ReadonlySet<ErrorCode> = new Set(["RATE_LIMITED", "UNAVAILABLE"]);

/** An answer of the gateway's own. */
export function sendSuccess(request: Request, response: Response, data: string): void {
  const text = ENVELOPE_START + data + envelopeEnd(exchangeOf(request).requestId);
  response.statusCode = 200;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

export function sendFailure(request: Request, response: Response, error: ContractError): void {
  const exchange = exchangeOf(request);
  exchange.failure = error;
  // Part of an answer was sent: breaking the connection is the only way left to say that it is not whole.
  if (response.headersSent) return void response.destroy();
  if (error.code === "UNAVAILABLE" && !response.hasHeader("retry-after")) {
    response.setHeader("retry-after", RETRY_AFTER_S);
  }
  const text = failureText(error.toBody(), exchange.requestId);
  response.statusCode = error.status;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", Buffer.byteLength(text));
  const end = TRY_AGAIN.has(error.code) ? endOnceBodyIsHere : endAfterUnreadBody;
  end(request, response, text);
}

/**
 * A service's bytes in the envelope. As text of one byte a character they stay unchanged, and are sent together with the head in one
 * write.
 */
export function sendWrapped(response: Response, data: readonly Buffer[], end: string): void {
  let whole = ENVELOPE_START;
  for (const bytes of data) whole += bytes.toString("latin1");
  whole += end;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", whole.length);
  response.end(whole, "latin1");
}
