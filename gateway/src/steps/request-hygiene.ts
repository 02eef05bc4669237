import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";

/** A name, an IPv4 or an IPv6 address, and an optional port. */
const IS_HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Refuses heads that two programs may read in two ways: of HTTP/0.9, which Node takes and which has no headers, with no host or
 * several, with several tokens, or with a body that is coded in more ways than chunks. Node itself refuses what breaks the grammar.
 */
export const refuseAmbiguousHeads: RequestHandler = (request, _response, next) => {
  const wrong = whatIsWrong(request);
  next(wrong === undefined ? undefined : new ContractError("BAD_REQUEST", wrong));
};

function whatIsWrong({
  headers,
  rawHeaders,
  httpVersion,
  httpVersionMajor,
}: Parameters<RequestHandler>[0]): string | undefined {
  if (httpVersionMajor !== 1) return "Send the request as HTTP/1.1";
  const { hosts, authorizations } = countSingles(rawHeaders);
  if (hosts > 1) return "The Host header is there more than once";
  if (hosts === 0 && httpVersion === "1.1") return "The Host header is missing";
  if (hosts === 1 && !IS_HOST.test(headers.host!)) return "The Host header is not a host";
  if (authorizations > 1) return "The Authorization header is there more than once";
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return "Send the body whole or in chunks, not coded";
  }
  return undefined;
}

/** Of several Node keeps the first, silently. */
function countSingles(rawHeaders: readonly string[]): { hosts: number; authorizations: number } {
  let hosts = 0;
  let authorizations = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
    else if (name.length === 13 && name.toLowerCase() === "authorization") authorizations += 1;
  }
  return { hosts, authorizations };
}

/**
 * Dot segments, empty segments, backslashes, these and NUL in escaped form, fragments, broken escapes, and bytes that are not
 * visible ASCII.
 */
const AMBIGUOUS =
  /\/\/|(?:^|\/)\.{1,2}(?=\/|$)|\.\.|[\\#]|%(?:2e|2f|5c|00)|%(?![0-9a-f]{2})|[^\x21-\x7e]/i;

const WHOLE_SERVER = "*";

/** Refuses targets that are not a plain path, so that no later step and no service meets one. */
export const refuseBadPaths: RequestHandler = (request, _response, next) => {
  const { url } = request;
  if (url === WHOLE_SERVER && request.method === "OPTIONS") return next();
  const queryAt = url.indexOf("?");
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  if (path.startsWith("/") && !AMBIGUOUS.test(path)) return next();
  next(new ContractError("BAD_REQUEST", "The path is not a plain one"));
};
