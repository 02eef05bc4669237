import { JSON_TYPE } from "@shop/contracts/headers";
import type { Request, Response } from "express";
import { ENVELOPE_START, envelopeEnd, sendFailure, sendWrapped } from "../exchange/answers.ts";
import { exchangeOf } from "../exchange/exchange.ts";
import { prefixOf } from "../routes.ts";
import { BrokenAnswer } from "./failures.ts";
import type { ServiceAnswer } from "./proxy.ts";
import { parseServiceError } from "./service-error.ts";

/**
 * Up to here an answer is held until it is whole: a service that breaks off gives a clean error, and a client that does not read
 * keeps no connection to the service. Every answer of the contract fits.
 */
const HELD_BYTES = 1_048_576;
const MOST_ERROR_BYTES = 65_536;

const PASSED_HEADERS = ["etag", "idempotency-replayed"] as const;

/**
 * Puts a service's answer into the envelope, bytes as they are, and sends it. When the answer breaks off, proxy.ts says so.
 */
export function relayAnswer(
  answer: ServiceAnswer,
  request: Request,
  response: Response,
): Promise<void> {
  const { status } = answer;
  if (status >= 400) return relayError(answer, request, response);
  if (status === 204 || status === 304) return relayNothing(answer, request, response);
  if ((status === 200 || status === 201) && isPlainJson(answer)) {
    return relayData(answer, request, response);
  }
  const type = answer.header("content-type") ?? "without a type";
  return Promise.reject(new BrokenAnswer(`the answer was ${status} ${type}`));
}

const isPlainJson = (answer: ServiceAnswer): boolean =>
  answer.header("content-encoding") === undefined &&
  (answer.header("content-type") ?? "").startsWith("application/json");

/** Only once it is sure that the answer is sent: nothing of it may stand on an error that takes its place. */
function startAnswer(answer: ServiceAnswer, request: Request, response: Response): void {
  response.statusCode = answer.status;
  for (const name of PASSED_HEADERS) {
    const value = answer.header(name);
    if (value !== undefined) response.setHeader(name, value);
  }
  // Kept, and asked about each time.
  if (answer.header("etag") !== undefined) response.setHeader("cache-control", "no-cache");
  // A service knows paths without a prefix; an address of another form would show where it is.
  const location = answer.header("location");
  if (location?.startsWith("/")) {
    response.setHeader("location", `${prefixOf(request.url)}${location}`);
  }
}

function relayNothing(answer: ServiceAnswer, request: Request, response: Response): Promise<void> {
  startAnswer(answer, request, response);
  response.end();
  return Promise.resolve();
}

function relayData(answer: ServiceAnswer, request: Request, response: Response): Promise<void> {
  const end = envelopeEnd(exchangeOf(request).requestId);
  const held: Buffer[] = [];
  let size = 0;
  let streaming = false;

  const pass = (chunk: Buffer): void => {
    if (response.write(chunk) || answer.isPaused) return;
    answer.pause();
    response.once("drain", () => answer.resume());
  };

  return new Promise((resolve, reject) => {
    answer.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (streaming) return pass(chunk);
      held.push(chunk);
      if (size <= HELD_BYTES) return;
      streaming = true;
      startStream(answer, request, response, end);
      for (const one of held.splice(0)) pass(one);
    });
    answer.on("end", () => {
      if (size === 0) return reject(new BrokenAnswer("the answer was empty"));
      if (streaming) {
        response.end(end);
      } else {
        startAnswer(answer, request, response);
        sendWrapped(response, held, end);
      }
      resolve();
    });
  });
}

function startStream(
  answer: ServiceAnswer,
  request: Request,
  response: Response,
  end: string,
): void {
  startAnswer(answer, request, response);
  response.setHeader("content-type", JSON_TYPE);
  const length = answer.header("content-length");
  if (length !== undefined) {
    response.setHeader("content-length", ENVELOPE_START.length + Number(length) + end.length);
  }
  response.write(ENVELOPE_START);
}

async function relayError(
  answer: ServiceAnswer,
  request: Request,
  response: Response,
): Promise<void> {
  const error = parseServiceError(answer.status, await readText(answer));
  const retryAfter = answer.header("retry-after");
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  sendFailure(request, response, error);
}

function readText(answer: ServiceAnswer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    answer.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_ERROR_BYTES) reject(new BrokenAnswer("the error was too large"));
      else chunks.push(chunk);
    });
    answer.on("end", () => resolve(Buffer.concat(chunks).toString()));
  });
}
