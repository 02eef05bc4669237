import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ContractError } from "@shop/contracts/errors";
import { declaresBody } from "../unread-body.ts";

const MAX_BODY_BYTES = 100 * 1024;

const NOTHING = Buffer.alloc(0);
const JSON_TYPE = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i;

const tooLarge = (): ContractError =>
  new ContractError("PAYLOAD_TOO_LARGE", "The body is larger than 100 kB");

/** A request's whole body, within the limit, whether its length was declared or not. */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer> {
  if (!declaresBody(request)) return NOTHING;
  const { headers } = request;
  const coding = headers["content-encoding"] ?? "identity";
  if (coding !== "identity" || !JSON_TYPE.test(headers["content-type"] ?? "")) {
    throw new ContractError("UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json");
  }
  if (Number(headers["content-length"]) > MAX_BODY_BYTES) throw tooLarge();
  // The sender waits for a word before it sends; what is refused above it need not send at all.
  if (headers.expect !== undefined) response.writeContinue();
  return collect(request);
}

function collect(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) return settle(() => reject(tooLarge()));
      chunks.push(chunk);
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const onBreak = (): void =>
      settle(() => reject(new ContractError("BAD_REQUEST", "The body broke off")));
    const settle = (how: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak);
      how();
    };
    request.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak);
  });
}

/** Strict JSON: bytes that are not UTF-8 are refused instead of being replaced. Without a body the schema says what is missing. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw new ContractError("MALFORMED_JSON", "The body is not valid UTF-8");
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new ContractError("MALFORMED_JSON", "The body is not valid JSON");
  }
}
