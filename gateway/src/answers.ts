import type { ContractError, ErrorCode } from "@shop/contracts/errors";
import { JSON_TYPE } from "@shop/contracts/headers";
import type { Request, Response } from "express";
import { ENVELOPE_START, failureText, successText } from "./envelope.ts";
import { exchangeOf } from "./exchange.ts";
import { endAfterUnreadBody, endAndGoOn } from "./unread-body.ts";

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
  const end = COME_AGAIN.has(error.code) ? endAndGoOn : endAfterUnreadBody;
  end(request, response, text);
}

/** Text of one byte a character: the bytes stay what they are, and go out together with the head in one write. */
export const asLatin1 = (bytes: Buffer): string => bytes.toString("latin1");

/** A service's bytes, whole, in the envelope. */
export function sendWrapped(response: Response, latin1: string, end: string): void {
  const whole = ENVELOPE_START + latin1 + end;
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", whole.length);
  response.end(whole, "latin1");
}
