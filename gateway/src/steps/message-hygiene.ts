import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";

/**
 * Refuses heads that another server might read otherwise: of HTTP/0.9, which Node takes and which has no headers, with not one
 * host, or with a body that is coded in more ways than chunks. Node itself has refused what breaks the grammar.
 */
export const refuseAmbiguousHeads: RequestHandler = (request, _response, next) => {
  const { headers, rawHeaders, httpVersion, httpVersionMajor } = request;
  if (httpVersionMajor !== 1) {
    return next(new ContractError("BAD_REQUEST", "Send the request as HTTP/1.1"));
  }
  const hosts = countHosts(rawHeaders);
  if (hosts > 1 || (hosts === 0 && httpVersion === "1.1")) {
    const wrong = hosts === 0 ? "is missing" : "is there more than once";
    return next(new ContractError("BAD_REQUEST", `The Host header ${wrong}`));
  }
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return next(new ContractError("BAD_REQUEST", "Send the body whole or in chunks, not coded"));
  }
  next();
};

/** Of several hosts Node keeps the first and says nothing. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
