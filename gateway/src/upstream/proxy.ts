import { IDEMPOTENCY_KEY_HEADER } from "@shop/contracts/headers";
import type { Request, RequestHandler, Response } from "express";
import { createProxyMiddleware } from "http-proxy-middleware";
import { exchangeOf } from "../exchange/exchange.ts";
import type { ServiceName } from "../services.ts";
import { sendAnswer } from "./answer.ts";
import { deadlineFor } from "./deadline.ts";
import { CallEnded, toClientError } from "./failures.ts";
import type { Attempt, Instance, Upstreams } from "./instances.ts";
import type { HeadersForServices } from "./service-headers.ts";
import { undiciTransport } from "./undici-transport.ts";

export interface ProxyOptions {
  readonly upstreams: Upstreams;
  readonly deadlineMs: number;
  readonly headersFor: HeadersForServices;
}

/** Passes a valid request on to its route's service, and the answer back in the envelope. */
export function createProxy({ upstreams, deadlineMs, headersFor }: ProxyOptions): RequestHandler {
  const proxy = proxyTo(Object.values(upstreams).flatMap(({ instances }) => instances));

  return async (request, response) => {
    const exchange = exchangeOf(request);
    const { method, answeredBy } = exchange.route!;
    const headers = headersFor(request);
    const deadline = deadlineFor(response, deadlineMs);
    // HEAD is asked for as the route's GET: only a whole answer shows its length and, when it is an error, which one.
    const outgoing = { method, headers, body: exchange.body, deadline };
    // Reading twice changes nothing. A key makes two requests one; it is only sent to routes that know keys.
    const mayRepeat = (): boolean =>
      !response.headersSent && (method === "GET" || IDEMPOTENCY_KEY_HEADER in headers);
    try {
      await upstreams[answeredBy as ServiceName].ask({
        mayRepeat,
        send: (instance, isRetry) => {
          exchange.attempt = { instance, isRetry, outgoing };
          return proxy(request, response);
        },
      });
    } catch (error) {
      if (!(error instanceof CallEnded)) throw toClientError(error);
    }
  };
}

/** Rejects when the try fails, with nothing sent. */
function proxyTo(instances: readonly Instance[]) {
  const byOrigin = new Map(instances.map((instance) => [instance.url, instance]));
  const middleware = createProxyMiddleware<Request, Response>({
    router: (request) => attemptOf(request).instance.target,
    pathRewrite: (_path, request) => servicePath(request),
    plugins: [
      undiciTransport<Request, Response>({
        outgoing: (request) => attemptOf(request).outgoing,
        connectionsTo: (origin, request) =>
          byOrigin.get(origin)!.connections(attemptOf(request).isRetry),
        onAnswer: (answer, request, response) => {
          const { instance, isRetry } = attemptOf(request);
          instance.noteHeaders(answer.headers, isRetry);
          sendAnswer(answer, request, response);
        },
      }),
    ],
    // `next` gets the error as well. Without a listener http-proxy-middleware would answer, and show host and path.
    on: { error: () => undefined },
  });
  return async (request: Request, response: Response): Promise<void> => {
    let failure: unknown;
    await middleware(request, response, (error) => {
      failure = error;
    });
    if (failure !== undefined) throw failure;
  };
}

const attemptOf = (request: Request): Attempt => exchangeOf(request).attempt!;

/** Built from the checked parameters; nothing of the client's own URL goes on. */
function servicePath(request: Request): string {
  const { route, params, query } = exchangeOf(request);
  let path = route!.path.replace(/:(\w+)/, (_, name: string) => String(params[name]));
  let separator = "?";
  for (const name of Object.keys(query)) {
    const value = query[name];
    if (value === undefined) continue;
    path += `${separator}${name}=${encodeURIComponent(value)}`;
    separator = "&";
  }
  return path;
}
