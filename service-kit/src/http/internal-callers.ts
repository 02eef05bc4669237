import { timingSafeEqual } from "node:crypto";
import { INTERNAL_TOKEN_HEADER, SUBJECT_HEADER } from "@shop/contracts/access";
import { ContractError } from "@shop/contracts/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** For injection: what the programs of the shop show each other, or null. */
export const INTERNAL_TOKEN = Symbol("internal token");

/** For orchestrators and Prometheus, which have no token. */
const OPERATIONS = /^\/(?:health\/(?:live|ready)|metrics)$/;

/**
 * With a token, only callers that show it are answered. Without one, a request that names a subject is refused: believing it would show one
 * caller the orders of another. A hook and not a guard: Nest's guards run after the body was read and parsed.
 */
export function admitInternalCallers(fastify: FastifyInstance, token: string | null): void {
  const expected = token === null ? undefined : Buffer.from(token);
  fastify.addHook("onRequest", (request, _reply, done) => {
    done(isAdmitted(request, expected) ? undefined : refusal());
  });
}

function isAdmitted({ url, headers }: FastifyRequest, expected: Buffer | undefined): boolean {
  if (expected === undefined) return headers[SUBJECT_HEADER] === undefined;
  if (OPERATIONS.test(url)) return true;
  const given = Buffer.from(String(headers[INTERNAL_TOKEN_HEADER] ?? ""));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const refusal = (): ContractError =>
  new ContractError("UNAUTHENTICATED", "Only the gateway is answered here");
