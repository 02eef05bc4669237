import type { RequestHandler } from "express";
import { sendBrowsersToPage, sendFile, type ServedFiles } from "../api-reference/files.ts";
import { combine, type CombineOptions } from "../bff/combine.ts";
import { sendSuccess } from "../exchange/answers.ts";
import type { Health } from "../observe/health.ts";
import type { Route } from "../routes.ts";

export interface AnswerOptions extends CombineOptions {
  readonly proxy: RequestHandler;
  readonly readHealth: () => Promise<Health>;
  readonly files: ServedFiles;
}

/** Answers from one service through the proxy, from several together, or from the gateway itself. */
export function answerRoute(route: Route, options: AnswerOptions): RequestHandler {
  const { answeredBy, path } = route;
  if (answeredBy === "health") return answerHealth(options.readHealth);
  if (path === "/") return sendBrowsersToPage;
  if (answeredBy === "api-reference") return sendFile(route, options.files);
  return typeof answeredBy === "object" ? combine(answeredBy, options) : options.proxy;
}

const answerHealth =
  (readHealth: () => Promise<Health>): RequestHandler =>
  async (request, response) => {
    sendSuccess(request, response, JSON.stringify(await readHealth()));
  };
