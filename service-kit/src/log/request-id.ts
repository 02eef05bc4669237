import { randomUUID } from "node:crypto";
import { REQUEST_ID_PATTERN } from "@shop/contracts/headers";
import { id, runWithId } from "cls-rtracer";

/** Takes a caller's id only in the form that is safe in headers, events and logs. */
export function acceptRequestId(candidate: unknown): string {
  return typeof candidate === "string" && REQUEST_ID_PATTERN.test(candidate)
    ? candidate
    : randomUUID();
}

/** The id of the request that is being worked on, if any. */
export const currentRequestId = (): string | undefined => id() as string | undefined;

export const withRequestId = <T>(requestId: string, work: () => T): T => runWithId(work, requestId);
