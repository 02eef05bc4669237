import { ContractError, ERROR_CODES, errorBody, type ErrorCode } from "@shop/contracts/errors";
import type { Request, Response } from "express";
import { envelopeEnd, sendFailure, sendWrapped } from "../exchange/answers.ts";
import { exchangeOf } from "../exchange/exchange.ts";
import { prefixOf } from "../routes.ts";
import type { Answer } from "./call.ts";
import { BrokenAnswer } from "./failures.ts";

const MAX_ERROR_BYTES = 65_536;
const PASSED_HEADERS = ["etag", "idempotency-replayed"] as const;

/** Sends a service's answer, its bytes as they are in the envelope. Throws, with nothing sent, when it is not one of the contract. */
export function sendAnswer(answer: Answer, request: Request, response: Response): void {
  const { status, bytes } = answer;
  if (status >= 400) {
    const error = parseServiceError(answer);
    const retryAfter = headerOf(answer, "retry-after");
    if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
    sendFailure(request, response, error);
  } else if (status === 204 || status === 304) {
    startAnswer(answer, request, response);
    response.end();
  } else {
    if (status !== 200 && status !== 201) throw brokenAnswer(answer);
    checkJson(answer);
    startAnswer(answer, request, response);
    sendWrapped(response, [bytes], envelopeEnd(exchangeOf(request).requestId));
  }
}

/** A service's error, when it is one of the contract; anything else is a broken answer. */
export function parseServiceError({ status, bytes }: Answer): ContractError {
  const text = bytes.length > MAX_ERROR_BYTES ? "" : bytes.toString();
  const { success, data } = errorBody.safeParse(parseOrNothing(text));
  if (!success || !isServicesOwn(data.code, status)) {
    throw new BrokenAnswer(`the answer was ${status} and no error of the contract`, status);
  }
  return new ContractError(data.code, data.message, data.details);
}

/** Throws unless it is JSON that can stand in the envelope. */
export function checkJson(answer: Answer): void {
  const isPlainJson =
    headerOf(answer, "content-encoding") === undefined &&
    headerOf(answer, "content-type")?.startsWith("application/json");
  if (!isPlainJson) throw brokenAnswer(answer);
  if (answer.bytes.length === 0) throw new BrokenAnswer("the answer was empty");
}

export const brokenAnswer = (answer: Answer): BrokenAnswer => {
  const type = headerOf(answer, "content-type") ?? "without a type";
  return new BrokenAnswer(`the answer was ${answer.status} ${type}`);
};

function startAnswer(answer: Answer, request: Request, response: Response): void {
  response.statusCode = answer.status;
  for (const name of PASSED_HEADERS) {
    const value = headerOf(answer, name);
    if (value !== undefined) response.setHeader(name, value);
  }
  // Clients may keep it, and ask each time whether it is still current.
  if (headerOf(answer, "etag") !== undefined) response.setHeader("cache-control", "no-cache");
  // A service knows paths without a prefix; an address of another form would show where it is.
  const location = headerOf(answer, "location");
  if (location?.startsWith("/")) {
    response.setHeader("location", `${prefixOf(request.originalUrl)}${location}`);
  }
}

/** Of a header that a service gives twice, the first. */
function headerOf({ headers }: Answer, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const isServicesOwn = (code: ErrorCode, status: number): boolean =>
  ERROR_CODES[code].fromService && ERROR_CODES[code].status === status;

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
