import helmet from "helmet";
import type { RequestHandler } from "express";

/** For an API: no answer is ever a page, a frame or a script of another's page. The page at /docs has a policy of its own. */
export const securityHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  xFrameOptions: { action: "deny" },
  // About pages and what they load: each header costs every answer, and says nothing about JSON.
  crossOriginResourcePolicy: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xPoweredBy: false,
  xXssProtection: false,
});

/** No cache keeps an answer, which may be of one caller's orders; an answer with an `ETag` says otherwise itself. */
export const noStore: RequestHandler = (_request, response, next) => {
  response.setHeader("cache-control", "no-store");
  next();
};
