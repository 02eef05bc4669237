import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { randomUUID } from "node:crypto";
import { ContractError } from "@shop/contracts/errors";
import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { JSON_TYPE, failureText } from "./envelope.ts";

/** Against clients that send, or read, a byte now and then. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CHECKING_MS = 1_000;
/** Longer than load balancers keep an idle connection, so that it is never we who close one that is about to be used. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** Node's HTTP server with the limits that keep one client from being everybody's trouble. */
export function createHttpServer(
  onRequest: RequestListener,
  { maxConnections }: { maxConnections: number },
): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECKING_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Asked for in path-hygiene.ts, whose refusal has an envelope.
      requireHostHeader: false,
    },
    onRequest,
  );
  server.maxConnections = maxConnections;
  // "100 Continue" is said when the body is wanted, in json-body.ts. Other expectations mean nothing here.
  server.on("checkContinue", onRequest).on("checkExpectation", onRequest);
  server.on("clientError", answerBrokenBytes);
  return server;
}

const PLAIN_400 = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const PLAIN_408 = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** What is not HTTP gets a plain answer, and the connection's end. */
function answerBrokenBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  // Behind the head of an answer these bytes would pass for its body.
  if (socket.writable && !answerHasBegun(socket)) {
    if (error.code === "HPE_HEADER_OVERFLOW") socket.write(tooLongHead());
    else socket.write(error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? PLAIN_408 : PLAIN_400);
  }
  socket.destroy();
}

/** Node keeps the answer at work on its socket, and asks there itself when nobody listens. */
function answerHasBegun(socket: Socket): boolean {
  const { _httpMessage: answer } = socket as { _httpMessage?: { headersSent: boolean } | null };
  return answer?.headersSent === true;
}

function tooLongHead(): string {
  const requestId = randomUUID();
  const error = new ContractError("BAD_REQUEST", "The request's head is longer than 16 kB");
  const text = failureText(error.toBody(), requestId);
  return [
    "HTTP/1.1 400 Bad Request",
    "Connection: close",
    `${REQUEST_ID_HEADER}: ${requestId}`,
    `Content-Type: ${JSON_TYPE}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "",
    text,
  ].join("\r\n");
}
