import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { randomUUID } from "node:crypto";
import { ContractError, type ErrorCode } from "@shop/contracts/errors";
import { JSON_TYPE, REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { answerAtWork, answersInLine, waitInLine } from "./listener/answers-on-socket.ts";
import { comesTooLate } from "./listener/closing-connection.ts";
import type { MadeObjects } from "./listener/express-objects.ts";
import { failureText } from "./exchange/envelope.ts";
import { ROUTES } from "./routes.ts";
import { cutSlowClients } from "./listener/slow-clients.ts";
import { allowOf } from "./steps/route-table.ts";

/** Against clients that send, or read, a byte now and then. */
const HEADERS_TIMEOUT_MS = 10_000;
/**
 * Head and body; the work that follows is not timed by it. A body is 100 kB at most, which a bad line manages in this time, and who
 * means to be slow holds the place of another's body no longer.
 */
const REQUEST_TIMEOUT_MS = 10_000;
const CHECKING_MS = 1_000;
const ANSWER_LIMIT_MS = 30_000;
/** For a connection on which nothing moves although there is a request: a client that does not read its answer. */
const SILENCE_TIMEOUT_MS = 30_000;
const LAST_WORDS_MS = 1_000;
/** Longer than load balancers keep an idle connection, so that it is never we who close one that is about to be used. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

interface ServerOptions {
  readonly maxConnections: number;
  /** For each connection that is cut since too many answers wait on it. */
  readonly onCut: () => void;
  readonly objects?: MadeObjects;
}

/** Node's HTTP server with the limits that keep one client from being everybody's trouble. */
export function createHttpServer(
  handle: RequestListener,
  { maxConnections, onCut, objects }: ServerOptions,
): Server {
  const onRequest: RequestListener = (request, response) => {
    if (comesTooLate(request)) return;
    use(request.socket);
    if (response.socket === null && waitInLine(request.socket, response)) {
      onCut();
      request.socket.destroy();
      return;
    }
    handle(request, response);
  };
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECKING_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Asked for in message-hygiene.ts, whose refusal has an envelope.
      requireHostHeader: false,
      ...objects,
    },
    onRequest,
  );
  server.maxConnections = maxConnections;
  server.timeout = SILENCE_TIMEOUT_MS;
  const use = cutSlowClients(server, ANSWER_LIMIT_MS);
  // "100 Continue" is said when the body is wanted, in read-body.ts. Other expectations mean nothing here.
  server.on("checkContinue", onRequest).on("checkExpectation", onRequest);
  server.on("clientError", answerBrokenBytes);
  server.on("connection", traceNoAborts);
  // Node hands over the bare socket, and closes it without a word when nobody takes it.
  server.on("connect", (_request, socket: Socket) => refuseTunnel(socket));
  return server;
}

/**
 * Node makes an error for each request and each answer that a connection leaves behind, and reads its stack: through source maps that
 * was half of the cost of such a request. Node's own listeners stand between these.
 */
function traceNoAborts(socket: Socket): void {
  const { stackTraceLimit } = Error;
  for (const event of ["end", "close"]) {
    socket.prependListener(event, () => (Error.stackTraceLimit = 0));
    socket.on(event, () => (Error.stackTraceLimit = stackTraceLimit));
  }
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
  // What is written gets out, also an answer that was begun: it may be the very refusal of these bytes.
  socket.destroySoon();
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}

/** Node has let go of the socket: its errors, its end and what waits in line are ours. */
function refuseTunnel(socket: Socket): void {
  socket.on("error", () => undefined);
  if (answerAtWork(socket)) {
    // Out of turn it would pass for the answer to what was asked before.
    socket.destroy();
    for (const response of answersInLine(socket)) response.destroy();
    return;
  }
  socket.resume().end(noTunnels());
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}

const answerHasBegun = (socket: Socket): boolean => answerAtWork(socket)?.headersSent === true;

const tooLongHead = (): string =>
  lastAnswer("400 Bad Request", "BAD_REQUEST", "The request's head is longer than 16 kB");

const noTunnels = (): string =>
  lastAnswer("405 Method Not Allowed", "METHOD_NOT_ALLOWED", "The gateway opens no tunnels");

/** For where there is no response to write it to. */
function lastAnswer(status: string, code: ErrorCode, message: string): string {
  const requestId = randomUUID();
  const text = failureText(new ContractError(code, message).toBody(), requestId);
  return [
    `HTTP/1.1 ${status}`,
    "Connection: close",
    ...(code === "METHOD_NOT_ALLOWED" ? [`Allow: ${allowOf(ROUTES)}`] : []),
    `${REQUEST_ID_HEADER}: ${requestId}`,
    "Cache-Control: no-store",
    `Content-Type: ${JSON_TYPE}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "",
    text,
  ].join("\r\n");
}
