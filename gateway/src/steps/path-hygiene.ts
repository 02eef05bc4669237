import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";

/**
 * What two programs may read in two ways: dot segments, empty segments, backslashes, these and NUL in escaped form, fragments,
 * escapes that are none, and bytes that are not visible ASCII.
 */
const AMBIGUOUS =
  /\/\/|(?:^|\/)\.{1,2}(?=\/|$)|\.\.|[\\#]|%(?:2e|2f|5c|00)|%(?![0-9a-f]{2})|[^\x21-\x7e]/i;

const WHOLE_SERVER = "*";

/** Refuses targets that are not a plain path: nothing behind has to think about them. */
export const refuseBadPaths: RequestHandler = (request, _response, next) => {
  const { url } = request;
  if (url === WHOLE_SERVER && request.method === "OPTIONS") return next();
  const queryAt = url.indexOf("?");
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  if (path.startsWith("/") && !AMBIGUOUS.test(path)) return next();
  next(new ContractError("BAD_REQUEST", "The path is not a plain one"));
};
