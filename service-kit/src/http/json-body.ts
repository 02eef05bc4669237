import { isUtf8 } from "node:buffer";
import { ContractError } from "@shop/contracts/errors";
import type { FastifyInstance } from "fastify";

export const MAX_BODY_BYTES = 100 * 1024;

/**
 * Strict JSON: bytes that are not UTF-8 are refused instead of being replaced, and `__proto__` stays a key like any other,
 * for the schema to refuse. A request without a body has none: the schema says what is missing.
 */
export function parseJsonBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>(
    "application/json",
    { parseAs: "buffer", bodyLimit: MAX_BODY_BYTES },
    (_request, body, done) => {
      try {
        done(null, parse(body));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

function parse(body: Buffer): unknown {
  // Many clients name the media type on every request, DELETE included.
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new ContractError("MALFORMED_JSON", "The body is not valid UTF-8");
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new ContractError("MALFORMED_JSON", "The body is not valid JSON");
  }
}
