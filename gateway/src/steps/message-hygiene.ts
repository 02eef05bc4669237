import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";

/** A name, an IPv4 or an IPv6 address, and a port perhaps. */
const IS_HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Refuses heads that another server might read otherwise: of HTTP/0.9, which Node takes and which has no headers, with not one
 * host, with several tokens, or with a body that is coded in more ways than chunks. Node itself has refused what breaks the grammar.
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

/** Of several Node keeps the first and says nothing. */
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
