import type { RequestHandler } from "express";

/** For an API: no answer is ever a page, a frame or a script of another's page. The page at /docs has a policy of its own. */
const HEADERS = [
  ["Content-Security-Policy", "default-src 'none';frame-ancestors 'none'"],
  ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  // No cache keeps an answer, which may be of one caller's orders; an answer with an `ETag` says otherwise itself.
  ["Cache-Control", "no-store"],
] as const;

export const securityHeaders: RequestHandler = (_request, response, next) => {
  for (const [name, value] of HEADERS) response.setHeader(name, value);
  next();
};
