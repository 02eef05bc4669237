import type { Request, Response } from "express";
import type { ContractError } from "@shop/contracts/errors";
import { JSON_TYPE, failureText, successText } from "./envelope.ts";
import { exchangeOf } from "./exchange.ts";
import { endAfterUnreadBody } from "./unread-body.ts";

const RETRY_AFTER_S = "1";

/** The gateway's own answers; what services answer is relayed in relay-answer.ts. */
export function sendSuccess(request: Request, response: Response, data: string): void {
  send(request, response, { status: 200, text: successText(data, exchangeOf(request).requestId) });
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
  send(request, response, { status: error.status, text });
}

function send(
  request: Request,
  response: Response,
  { status, text }: { status: number; text: string },
): void {
  response.setHeader("content-type", JSON_TYPE);
  response.setHeader("content-length", Buffer.byteLength(text));
  response.statusCode = status;
  endAfterUnreadBody(request, response, text);
}
