import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Stream } from "node:stream";
import { createProxyMiddleware } from "http-proxy-middleware";
import type { Instance } from "./instance.ts";
import type { Limit } from "./limit.ts";

/** What is sent to a service: made of what was found valid, so nothing else of a client's request gets there. */
export interface ServiceRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** The proxy pipes a request's body from a stream; ours is in memory, whole. */
class WholeBody extends Stream {
  constructor(private readonly bytes: Buffer | undefined) {
    super();
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    if (this.bytes === undefined) destination.end();
    else destination.end(this.bytes);
    return destination;
  }
}

const NO_BODY = new WholeBody(undefined);
const WRITABLE = { writable: true };

export interface Try {
  readonly instance: Instance;
  /** A second try gets a new connection. */
  readonly again: boolean;
  readonly request: ServiceRequest;
}

interface Outcome {
  onAnswer(answer: IncomingMessage): void;
  onError(error: unknown): void;
}

/**
 * One try at one instance, in the place of the client's request and response: what goes wrong with it touches the client's
 * connection only when we say so, and it can be ended in every state, also while it waits for a socket.
 */
class Call extends EventEmitter {
  readonly httpVersion = "1.1";
  readonly httpVersionMajor = 1;
  readonly socket = WRITABLE;
  readonly instance: Instance;
  readonly again: boolean;
  readonly method: string;
  /** Known to the proxy from its router on: before, it would only be parsed, for a filter that is not there. */
  url = "";
  private readonly path: string;
  readonly headers: ServiceRequest["headers"];
  readonly body: Stream;
  headersSent = false;
  finished = false;
  destroyed = false;
  writableFinished = false;

  constructor(
    { instance, again, request }: Try,
    readonly outcome: Outcome,
  ) {
    super();
    this.instance = instance;
    this.again = again;
    this.method = request.method;
    this.path = request.path;
    this.headers = request.headers;
    this.body = request.body === undefined ? NO_BODY : new WholeBody(request.body);
  }

  aim(): void {
    this.url = this.path;
  }

  destroy(): void {
    this.destroyed = true;
  }
}

type CallRequest = Call & IncomingMessage;
type CallResponse = Call & ServerResponse;

const everything = (): boolean => true;

const proxy = createProxyMiddleware<CallRequest, CallResponse>({
  pathFilter: everything,
  router: (call, _response, options) => {
    call.aim();
    options.agent = call.again ? call.instance.fresh : call.instance.kept.agent;
    options.buffer = call.body;
    return call.instance.target;
  },
  // The answer goes through relay-answer.ts.
  selfHandleResponse: true,
  // The built-in plugins write a line for each request, and answers of their own that show host and URL.
  ejectPlugins: true,
  plugins: [
    (server) => {
      server.on("proxyRes", (answer, _request, call) => call.outcome.onAnswer(answer));
      server.on("error", (error, call) => call?.outcome.onError(error));
    },
  ],
});

/** Sends to one instance and hands its answer to `take`. Done when that is; whoever has ended it by then hears of it no more. */
export function sendTo<T>(
  it: Try,
  limit: Limit,
  take: (answer: IncomingMessage) => Promise<T>,
): Promise<T> {
  if (limit.reason) return Promise.reject(limit.reason);
  return new Promise<T>((resolve, reject) => {
    const onAnswer = (answer: IncomingMessage): void => {
      it.instance.heed(answer.headers);
      take(answer).then(resolve, giveUp);
    };
    const call = new Call(it, { onAnswer, onError: reject });
    const giveUp = (error: Error): void => {
      reject(error);
      // For the proxy: nobody wants the answer any more, so it drops the connection.
      call.emit("close");
    };
    limit.whenOver(giveUp);
    void proxy(call as CallRequest, call as CallResponse, reject);
  });
}
