import type { IncomingMessage, ServerResponse } from "node:http";
import { ContractError } from "@shop/contracts/errors";
import { MAX_BODY_BYTES } from "@shop/service-kit/strict-json";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange.ts";
import type { Route } from "../routes.ts";
import { declaresBody } from "../unread-body.ts";
import type { WaitingBytes } from "../waiting-bytes.ts";

const NOTHING = Buffer.alloc(0);
const IS_JSON = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i;

const tooLarge = (): ContractError =>
  new ContractError("PAYLOAD_TOO_LARGE", "The body is larger than 100 kB");

/** What a piece of a body costs beside its bytes: a body may come in pieces of a byte. */
const PIECE_BYTES = 512;

/** Has the whole body come where the route takes one, and refuses it elsewhere. */
export function takeBody({ body }: Route, waiting: WaitingBytes): RequestHandler {
  if (body === undefined) return refuseBody;
  return async (request, response, next) => {
    exchangeOf(request).body = await readBody(request, response, waiting);
    next();
  };
}

/** It has no meaning here, and could be another request in disguise. */
const refuseBody: RequestHandler = (request, _response, next) => {
  next(
    declaresBody(request)
      ? new ContractError("BAD_REQUEST", "This route takes no body")
      : undefined,
  );
};

/** Within the limit, whether its length was declared or not. */
async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  waiting: WaitingBytes,
): Promise<Buffer> {
  if (!declaresBody(request)) return NOTHING;
  const { headers } = request;
  const coding = headers["content-encoding"] ?? "identity";
  if (coding !== "identity" || !IS_JSON.test(headers["content-type"] ?? "")) {
    throw new ContractError("UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json");
  }
  if (Number(headers["content-length"]) > MAX_BODY_BYTES) throw tooLarge();
  // The sender waits for a word before it sends; what is refused above it need not send at all.
  const waits = headers.expect?.toLowerCase() === "100-continue";
  if (waits && request.httpVersionMinor > 0) response.writeContinue();
  return collect(request, waiting);
}

function collect(request: IncomingMessage, waiting: WaitingBytes): Promise<Buffer> {
  const { socket } = request;
  const declared = Number(request.headers["content-length"]);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let counted = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) return settle(() => reject(tooLarge()));
      chunks.push(chunk);
      // Most bodies are whole at once.
      if (size === declared) return;
      counted += chunk.length + PIECE_BYTES;
      waiting.add(socket, chunk.length + PIECE_BYTES);
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const onBreak = (): void =>
      settle(() => reject(new ContractError("BAD_REQUEST", "The body broke off")));
    const settle = (how: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak);
      if (counted > 0) waiting.remove(socket, counted);
      how();
    };
    request.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak);
  });
}
