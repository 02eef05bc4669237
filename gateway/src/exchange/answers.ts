import type { ContractError, ErrorCode } from "@shop/contracts/errors";
import { JSON_TYPE } from "@shop/contracts/headers";
import type { Request, Response } from "express";
import { ENVELOPE_START, failureText, successText } from "./envelope.ts";
import { exchangeOf } from "./exchange.ts";
import { endAfterUnreadBody, endOnceBodyIsHere } from "../listener/unread-body.ts";

const RETRY_AFTER_S = "1";
const COME_AGAIN: ReadonlySet<ErrorCode> = new Set(["RATE_LIMITED", "UNAVAILABLE"]);

/** An answer of the gateway's own. */
export function sendSuccess(request: Request, response: Response, data: string): void {
  const text = successText(data, exchangeOf(request).requestId);
  response.statusCode = 200;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

export function sendFailure(request: Request, response: Response, error: ContractError): void {
  const exchange = exchangeOf(request);
  exchange.failure = error;
  // Half an answer is on its way: breaking the connection is the only way left to say that it is not whole.
  if (response.headersSent) return void response.destroy();
  if (error.code === "UNAVAILABLE" && !response.hasHeader("retry-after")) {
    response.setHeader("retry-after", RETRY_AFTER_S);
  }
  const text = failureText(error.toBody(), exchange.requestId);
  response.statusCode = error.status;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", Buffer.byteLength(text));
  const end = COME_AGAIN.has(error.code) ? endOnceBodyIsHere : endAfterUnreadBody;
  end(request, response, text);
}

/**
 * A service's bytes in the envelope. As text of one byte a character they stay what they are, and go out together with the head in
 * one write.
 */
export function sendWrapped(response: Response, data: readonly Buffer[], end: string): void {
  let whole = ENVELOPE_START;
  for (const bytes of data) whole += bytes.toString("latin1");
  whole += end;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", whole.length);
  response.end(whole, "latin1");
}
