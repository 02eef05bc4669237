import { IDEMPOTENCY_KEY_HEADER } from "@shop/contracts/headers";
import type { RequestHandler, Response } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import type { Values } from "../exchange/values.ts";
import type { Route } from "../routes.ts";
import { askInstances } from "../upstream/ask-instances.ts";
import { CallEnded, toClientError } from "../upstream/failures.ts";
import { Limit } from "../upstream/limit.ts";
import type { ServiceRequest } from "../upstream/connections.ts";
import { sendTo } from "../upstream/proxy.ts";
import { relayAnswer } from "../upstream/relay-answer.ts";
import type { HeadersForServices } from "../upstream/service-headers.ts";
import type { Upstream } from "../upstream/upstream.ts";

export interface ForwardOptions {
  readonly upstream: Upstream;
  readonly deadlineMs: number;
  readonly headersFor: HeadersForServices;
}

/** Sends what was found valid to the route's service, and its answer back in the envelope. */
export function forward(route: Route, options: ForwardOptions): RequestHandler {
  const { upstream, deadlineMs, headersFor } = options;
  const pathOf = servicePath(route.path);

  return async (request, response) => {
    const { params, query, body } = exchangeOf(request);
    const outgoing: ServiceRequest = {
      // For HEAD as well: only a whole answer tells its length and, when it is an error, which one.
      method: route.method,
      path: pathOf(params) + queryText(query),
      headers: headersFor(request),
      body,
    };
    const limit = new Limit(response, deadlineMs);
    try {
      await askInstances(upstream, {
        repeatable: () => mayBeRepeated(response, outgoing),
        send: (instance, again) =>
          sendTo({ instance, again, request: outgoing }, limit, (answer) =>
            relayAnswer(answer, request, response),
          ),
      });
    } catch (error) {
      if (!(error instanceof CallEnded)) throw toClientError(error);
    }
  };
}

/** Reading twice changes nothing. A key makes two requests one; it is only sent where keys are known. */
const mayBeRepeated = ({ headersSent }: Response, { method, headers }: ServiceRequest): boolean =>
  !headersSent && (method === "GET" || headers[IDEMPOTENCY_KEY_HEADER] !== undefined);

/** The service's path, made again from what was found in the client's. */
function servicePath(path: string): (params: Values) => string {
  const [, fixed = path, name] = /^([a-z/]+):(\w+)$/.exec(path) ?? [];
  return name === undefined ? () => fixed : (params) => `${fixed}${params[name]}`;
}

function queryText(query: Values): string {
  let text = "";
  for (const name of Object.keys(query)) {
    const value = query[name];
    if (value === undefined) continue;
    text += `${text === "" ? "?" : "&"}${name}=${encodeURIComponent(value)}`;
  }
  return text;
}
