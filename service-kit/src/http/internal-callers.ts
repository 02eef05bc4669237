import { timingSafeEqual } from "node:crypto";
import { INTERNAL_TOKEN_HEADER, SUBJECT_HEADER } from "@shop/contracts/access";
import { ContractError } from "@shop/contracts/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** For orchestrators and Prometheus, which have no token. */
const OPERATIONS = /^\/(?:health\/(?:live|ready)|metrics)$/;

/**
 * Where the programs of the shop share a token, nobody else is answered. Where they do not, nobody is believed who says on whose
 * behalf it calls: to overlook that would show one caller everybody's orders.
 */
export function admitInternalCallers(fastify: FastifyInstance, token: string | undefined): void {
  const expected = token === undefined ? undefined : Buffer.from(token);
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
