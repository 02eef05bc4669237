import { INTERNAL_TOKEN_HEADER, SCOPES_HEADER, SUBJECT_HEADER } from "@shop/contracts/access";
import {
  IDEMPOTENCY_KEY_HEADER,
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
} from "@shop/contracts/headers";
import type { Request } from "express";
import { addressReader } from "../exchange/client-address.ts";
import type { GatewayConfig } from "../config.ts";
import { exchangeOf } from "../exchange/exchange.ts";

/** What of a client's headers a service gets to see. The rest is dropped: hop-by-hop, forwarded, forged, or of no use there. */
const PASSED = [TRACEPARENT_HEADER, "tracestate"] as const;

/** About one service's `ETag`. Of an answer that several give, a part could be 304 or 412, which says nothing about the whole. */
const PASSED_TO_ONE = [...PASSED, "if-match", "if-none-match"] as const;

export type HeadersForServices = (request: Request) => Record<string, string>;

export function headersForServices(config: GatewayConfig): HeadersForServices {
  const { INTERNAL_TOKEN: internalToken, TRUST_PROXY } = config;
  const addressOf = addressReader(config);
  return (request) => {
    const { requestId, route, caller, body } = exchangeOf(request);
    const headers: Record<string, string> = {
      [REQUEST_ID_HEADER]: requestId,
      "x-forwarded-for": addressOf(request),
      "x-forwarded-proto": TRUST_PROXY === 0 ? "http" : request.protocol,
    };
    const isOneServices = typeof route?.answeredBy === "string";
    for (const name of isOneServices ? PASSED_TO_ONE : PASSED) {
      const value = request.headers[name];
      if (typeof value === "string") headers[name] = value;
    }
    const key = request.headers[IDEMPOTENCY_KEY_HEADER];
    // Only where a schema has checked it.
    if (route?.headers && typeof key === "string") headers[IDEMPOTENCY_KEY_HEADER] = key;
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = String(body.length);
    }
    if (internalToken !== undefined) headers[INTERNAL_TOKEN_HEADER] = internalToken;
    if (caller !== undefined) {
      headers[SUBJECT_HEADER] = caller.subject;
      headers[SCOPES_HEADER] = caller.scopes.join(" ");
    }
    return headers;
  };
}
