import type { IncomingMessage, ServerResponse } from "node:http";
import { closeAfter } from "./closing-connection.ts";

/** How much, and how long, is read of a body that nobody wants, so that its sender can hear the answer. */
const MOST_BYTES = 1_048_576;
const MOST_MS = 1_000;

/** Whether the request says that it has a body. */
export function declaresBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

const isOnItsWay = (request: IncomingMessage): boolean =>
  declaresBody(request) && !request.complete;

/** Ends an answer to a request whose body nobody has read. */
export function endAfterUnreadBody(
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): void {
  if (isOnItsWay(request)) endBeforeBody(request, response, text);
  else response.end(text);
}

/**
 * To who is to come again. A small body has come together with its head, and is read as soon as the head's turn is over: then the
 * connection goes on. In a crowd each of those who are refused would open a new one, which costs more than the refusal.
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
 * A body is still on its way: the connection is closed after the answer, since what comes behind an unread body is never taken for
 * a request. Closing at once would reset the connection and the sender might lose the answer, so some of the body is read first.
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
