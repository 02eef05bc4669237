import type { FastifyInstance } from "fastify";
import { MAX_BODY_BYTES, parseStrictJson } from "./strict-json.ts";

/** In the place of Fastify's own parser, which refuses `__proto__` in words of its own: here it is a key like any other, for the schema to refuse. */
export function parseJsonBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>(
    "application/json",
    { parseAs: "buffer", bodyLimit: MAX_BODY_BYTES },
    (_request, body, done) => {
      try {
        done(null, parseStrictJson(body));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}
