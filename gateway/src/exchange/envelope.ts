import type { ErrorBody } from "@shop/contracts/errors";

/**
 * The envelope as text around a service's bytes: `data` is what the service sent, never parsed and never built again. Ids hold
 * no character that JSON escapes, so they are put in as they are.
 */
export const ENVELOPE_START = '{"success":true,"data":';

export const envelopeEnd = (requestId: string, moreMeta = ""): string =>
  `,"meta":{"requestId":"${requestId}","timestamp":"${timestamp()}"${moreMeta}}}`;

let stampedAt = 0;
let stamp = "";

/** The same for all answers of a millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stampedAt) {
    stampedAt = now;
    stamp = new Date(now).toISOString();
  }
  return stamp;
}

export const successText = (data: string, requestId: string): string =>
  ENVELOPE_START + data + envelopeEnd(requestId);

export const failureText = (error: ErrorBody, requestId: string): string =>
  `{"success":false,"error":${JSON.stringify(error)}${envelopeEnd(requestId)}`;
