import type { ErrorBody } from "@shop/contracts/errors";

/**
 * The envelope as text around a service's bytes: `data` is what the service sent, never parsed and never built again. Ids hold
 * no character that JSON escapes, so they are put in as they are.
 */
export const JSON_TYPE = "application/json; charset=utf-8";

const SUCCESS = '{"success":true,"data":';
export const ENVELOPE_START = Buffer.from(SUCCESS);

export const envelopeEnd = (requestId: string, moreMeta = ""): string =>
  `,"meta":{"requestId":"${requestId}","timestamp":"${new Date().toISOString()}"${moreMeta}}}`;

/** The whole answer in one piece. */
export function wrapped(data: Uint8Array, end: string): Buffer {
  const whole = Buffer.allocUnsafe(ENVELOPE_START.length + data.length + end.length);
  whole.set(ENVELOPE_START);
  whole.set(data, ENVELOPE_START.length);
  whole.write(end, ENVELOPE_START.length + data.length, "latin1");
  return whole;
}

export const successText = (data: string, requestId: string, moreMeta?: string): string =>
  SUCCESS + data + envelopeEnd(requestId, moreMeta);

export const failureText = (error: ErrorBody, requestId: string): string =>
  `{"success":false,"error":${JSON.stringify(error)}${envelopeEnd(requestId)}`;
