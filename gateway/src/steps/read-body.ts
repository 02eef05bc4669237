import type { IncomingMessage, ServerResponse } from "node:http";
import { ContractError } from "@shop/contracts/errors";
import { MAX_BODY_BYTES } from "@shop/service-kit/http/strict-json";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import { declaresBody } from "../listener/unread-body.ts";
import type { WaitingBytes } from "../listener/waiting-bytes.ts";
import type { Route } from "../routes.ts";

const NOTHING = Buffer.alloc(0);
const IS_JSON = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i;

const tooLarge = (): ContractError =>
  new ContractError("PAYLOAD_TOO_LARGE", "The body is larger than 100 kB");

/** Reads the whole body where the route takes one, and refuses it elsewhere. */
export function takeBody({ body }: Route, waiting: WaitingBytes): RequestHandler {
  if (body === undefined) return refuseBody;
  return async (request, response, next) => {
    exchangeOf(request).body = await readBody(request, response, waiting);
    next();
  };
}

/** A body has no meaning here, and could be another request in disguise. */
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
  // The sender waits for this before it sends the body; a refusal above saves it the sending.
  const waits = headers.expect?.toLowerCase() === "100-continue";
  if (waits && request.httpVersionMinor > 0) response.writeContinue();
  return collect(request, waiting);
}

function collect(request: IncomingMessage, waiting: WaitingBytes): Promise<Buffer> {
  const { socket } = request;
  const declared = Number(request.headers["content-length"]);
  return new Promise((resolve, reject) => {
    let body: Buffer = NOTHING;
    let size = 0;
    let counted = 0;
    const onData = (chunk: Buffer): void => {
      // Most bodies are whole at once.
      if (size === 0 && chunk.length === declared) {
        body = chunk;
        size = declared;
        return;
      }
      if (size + chunk.length > MAX_BODY_BYTES) return finish(() => reject(tooLarge()));
      // One buffer, since a body may come in pieces of a byte, each of which would cost hundreds.
      if (size + chunk.length > body.length) {
        const larger = Buffer.allocUnsafe(Math.min(MAX_BODY_BYTES, 2 * (size + chunk.length)));
        body.copy(larger, 0, 0, size);
        waiting.add(socket, larger.length - counted);
        counted = larger.length;
        body = larger;
      }
      size += chunk.copy(body, size);
    };
    const onEnd = (): void => finish(() => resolve(body.subarray(0, size)));
    const onBreak = (): void =>
      finish(() => reject(new ContractError("BAD_REQUEST", "The body broke off")));
    const finish = (how: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak);
      if (counted > 0) waiting.remove(socket, counted);
      how();
    };
    request.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak);
  });
}
