import { randomUUID } from "node:crypto";
import {
  IncomingMessage,
  ServerResponse,
  createServer,
  type RequestListener,
  type Server,
  type ServerOptions,
} from "node:http";
import type { Socket } from "node:net";
import { ContractError, type ErrorCode } from "@shop/contracts/errors";
import { JSON_TYPE, REQUEST_ID_HEADER } from "@shop/contracts/headers";
import type { Express } from "express";
import { failureText } from "./exchange/answers.ts";
import {
  currentAnswer,
  cutSlowClients,
  pipelinedAnswers,
  waitForTurn,
} from "./listener/slow-clients.ts";
import { comesTooLate } from "./listener/unread-body.ts";
import { ROUTES } from "./routes.ts";
import { allowOf } from "./steps/route-table.ts";

/** Against clients that send, or read, a byte now and then. */
const HEADERS_TIMEOUT_MS = 10_000;
/**
 * For head and body; the work that follows is not timed by it. A body is 100 kB at most: a slow line manages that in this time, and
 * a client that is slow on purpose takes the place of another's body no longer.
 */
const REQUEST_TIMEOUT_MS = 10_000;
const CHECKING_MS = 1_000;
const ANSWER_LIMIT_MS = 30_000;
/** For a connection on which nothing moves although there is a request: a client that does not read its answer. */
const SILENCE_TIMEOUT_MS = 30_000;
const LAST_WORDS_MS = 1_000;
/** Longer than load balancers keep an idle connection, so that the gateway never closes one that is about to be used. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** Node's HTTP server, with the limits that keep one client from harming the others. */
export function createHttpServer(
  app: Express,
  { maxConnections, onCut }: { readonly maxConnections: number; readonly onCut: () => void },
): Server {
  const onRequest: RequestListener = (request, response) => {
    if (comesTooLate(request)) return;
    use(request.socket);
    if (response.socket === null && waitForTurn(request.socket, response)) {
      onCut();
      request.socket.destroy();
      return;
    }
    app(request, response);
  };
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECKING_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Checked in request-hygiene.ts, whose refusal has an envelope.
      requireHostHeader: false,
      ...expressObjects(app),
    },
    onRequest,
  );
  server.maxConnections = maxConnections;
  server.timeout = SILENCE_TIMEOUT_MS;
  const use = cutSlowClients(server, ANSWER_LIMIT_MS);
  // "100 Continue" is sent when the body is wanted, in read-body.ts. Other expectations mean nothing here.
  server.on("checkContinue", onRequest).on("checkExpectation", onRequest);
  server.on("clientError", answerBrokenBytes);
  server.on("connection", traceNoAborts);
  // Node hands over the bare socket, and closes it without an answer when there is no listener.
  server.on("connect", (_request, socket: Socket) => refuseTunnel(socket));
  return server;
}

type MadeObjects = Required<Pick<ServerOptions, "IncomingMessage" | "ServerResponse">>;

/**
 * Express gives each request and response another prototype, which slows down whatever is done with them afterwards. Here Node
 * makes them with that prototype, so that nothing is left to change.
 */
export const expressObjects = ({ request, response }: Express): MadeObjects => ({
  IncomingMessage: withPrototype(IncomingMessage, request),
  ServerResponse: withPrototype(ServerResponse, response),
});

function withPrototype<C extends abstract new (...given: never[]) => object>(
  made: C,
  prototype: object,
): C {
  function Made(...given: unknown[]): unknown {
    return Reflect.construct(made, given, Made);
  }
  Made.prototype = prototype;
  return Made as unknown as C;
}

/**
 * Node makes an error for each request and answer that a closed connection leaves unfinished, and reads its stack: through source
 * maps that was half of the cost of such a request. Node's own listeners run between these two.
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

/** Bytes that are not HTTP get a plain answer and a closed connection. */
function answerBrokenBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  // Behind the head of an answer these bytes would pass for its body.
  if (socket.writable && currentAnswer(socket)?.headersSent !== true) {
    if (error.code === "HPE_HEADER_OVERFLOW") {
      socket.write(
        lastAnswer("400 Bad Request", "BAD_REQUEST", "The request's head is longer than 16 kB"),
      );
    } else {
      socket.write(error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? PLAIN_408 : PLAIN_400);
    }
  }
  // Sends what was written, also an answer that has begun: it may be the refusal of these very bytes.
  socket.destroySoon();
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}

/** Node has let go of the socket: its errors, its end and its waiting answers are handled here. */
function refuseTunnel(socket: Socket): void {
  socket.on("error", () => undefined);
  if (currentAnswer(socket)) {
    // Sent now, the refusal would pass for the answer to an earlier request.
    socket.destroy();
    for (const response of pipelinedAnswers(socket)) response.destroy();
    return;
  }
  socket
    .resume()
    .end(
      lastAnswer("405 Method Not Allowed", "METHOD_NOT_ALLOWED", "The gateway opens no tunnels"),
    );
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}

/** For where there is no response object to write it to. */
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
