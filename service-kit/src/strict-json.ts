import { isUtf8 } from "node:buffer";
import { ContractError } from "@shop/contracts/errors";

export const MAX_BODY_BYTES = 100 * 1024;

/** Strict JSON: bytes that are not UTF-8 are refused instead of being replaced. Without a body the schema says what is missing. */
export function parseStrictJson(bytes: Buffer): unknown {
  // Many clients name the media type on every request, DELETE included.
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw new ContractError("MALFORMED_JSON", "The body is not valid UTF-8");
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new ContractError("MALFORMED_JSON", "The body is not valid JSON");
  }
}
