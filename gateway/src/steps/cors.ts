import type { RequestHandler } from "express";

const MAX_AGE_S = "600";

const REQUEST_HEADERS =
  "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-request-id";
const ANSWER_HEADERS =
  "etag, idempotency-replayed, location, ratelimit, ratelimit-policy, retry-after, x-request-id";

const ANY_ORIGIN = "*";

/** Lets pages of the given origins read the answers. The gateway uses no cookies, so none are ever allowed. */
export function cors(origins: readonly string[] | undefined): RequestHandler | undefined {
  if (origins === undefined) return undefined;
  const anyOrigin = origins.includes(ANY_ORIGIN);
  const allowed = new Set(origins);

  return (request, response, next) => {
    const { origin } = request.headers;
    // Caches must not give one origin's answer to another.
    if (!anyOrigin) response.setHeader("vary", "origin");
    if (origin === undefined || !(anyOrigin || allowed.has(origin))) return next();

    response.setHeader("access-control-allow-origin", anyOrigin ? ANY_ORIGIN : origin);
    response.setHeader("access-control-expose-headers", ANSWER_HEADERS);
    if (request.method === "OPTIONS") {
      response.setHeader("access-control-allow-headers", REQUEST_HEADERS);
      response.setHeader("access-control-max-age", MAX_AGE_S);
    }
    next();
  };
}
