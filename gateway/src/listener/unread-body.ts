import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How much, and how long, is read of an unwanted body, so that its sender can read the answer. */
const MOST_BYTES = 1_048_576;
const MOST_MS = 1_000;

const closing = new WeakSet<Socket>();

/** The connection ends with this answer. No request behind this one is worked on: its answer could not be sent. */
export function closeAfter(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("connection", "close");
  closing.add(request.socket);
}

/** Node reads requests until the connection is closed, and parses all that it has read by then. */
export const comesTooLate = ({ socket }: IncomingMessage): boolean =>
  socket.destroyed || closing.has(socket);

/** Whether the request says that it has a body. */
export function declaresBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

const isOnItsWay = (request: IncomingMessage): boolean =>
  declaresBody(request) && !request.complete;

/** Ends an answer to a request whose body was not read. */
export function endAfterUnreadBody(
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): void {
  if (isOnItsWay(request)) endBeforeBody(request, response, text);
  else response.end(text);
}

/**
 * For a client that shall try again. A small body arrives together with its head, and is read as soon as the head was handled: then
 * the connection stays open. Under load each refused client would open a new one, which costs more than the refusal.
 */
export function endOnceBodyIsHere(
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): void {
  const mayGoOn = response.shouldKeepAlive && request.headers.expect === undefined;
  if (!mayGoOn || !isOnItsWay(request)) return endAfterUnreadBody(request, response, text);
  request.resume();
  setImmediate(() => {
    if (!response.destroyed) endAfterUnreadBody(request, response, text);
  });
}

/**
 * The connection is closed after the answer, so that nothing behind an unread body is ever taken for a request. Closing at once
 * would reset the connection and the sender might lose the answer, so some of the body is read first.
 */
function endBeforeBody(request: IncomingMessage, response: ServerResponse, text: string): void {
  closeAfter(request, response);
  response.write(text);

  let left = MOST_BYTES;
  const end = (): void => {
    clearTimeout(timer);
    request.off("data", count);
    response.end();
  };
  const count = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left <= 0) end();
  };
  const timer = setTimeout(end, MOST_MS);
  request.on("data", count).once("end", end).once("error", end).once("close", end);
  request.resume();
}
