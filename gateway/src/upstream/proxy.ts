import { EventEmitter } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createProxyMiddleware } from "http-proxy-middleware";
import type { Dispatcher } from "undici";
import type { ServiceRequest } from "./connections.ts";
import type { Instance } from "./instance.ts";
import type { Limit } from "./limit.ts";
import { ServiceCall } from "./service-call.ts";

/** As much of Node's IncomingMessage as is needed: the head, and the rest as it comes. */
export class ServiceAnswer extends EventEmitter<{ data: [Buffer]; end: [] }> {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    private readonly call: Dispatcher.DispatchController,
  ) {
    super();
  }

  /** A service that gives one twice is taken by the first. */
  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  get isPaused(): boolean {
    return this.call.paused;
  }

  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }
}

export interface Try {
  readonly instance: Instance;
  /** A second try gets a new connection. */
  readonly again: boolean;
  readonly request: ServiceRequest;
}

/**
 * One try at one instance, in the place of the client's request and response: what goes wrong with it touches the client's
 * connection only when we say so.
 */
class Call extends ServiceCall {
  readonly method: string;
  readonly headers: Record<string, string>;
  /** For a filter that is not there: the path is known to the instance alone. */
  readonly url = "";
  private answer: ServiceAnswer | undefined = undefined;

  constructor(
    private readonly it: Try,
    private readonly onAnswer: (answer: ServiceAnswer) => void,
    readonly fail: (reason: Error) => void,
  ) {
    super();
    this.method = it.request.method;
    this.headers = it.request.headers;
  }

  /** The proxy listens for what happens to a client's connection. Nothing does: it is not in its hands. */
  on(): this {
    return this;
  }

  send(): void {
    if (this.isEnded) return;
    const { instance, again, request } = this.it;
    instance.connections(again).send(this, request);
  }

  protected begin(
    status: number,
    headers: IncomingHttpHeaders,
    call: Dispatcher.DispatchController,
  ): void {
    this.answer = new ServiceAnswer(status, headers, call);
    this.onAnswer(this.answer);
  }

  onResponseData(_call: Dispatcher.DispatchController, chunk: Buffer): void {
    this.answer?.emit("data", chunk);
  }

  protected finish(): void {
    this.answer?.emit("end");
  }
}

type CallRequest = Call & IncomingMessage;
type CallResponse = Call & ServerResponse;

/** Its passes have no names. What is put before such a one comes before the last, which makes the request by Node's HTTP client. */
const UNNAMED = "";

const everything = (): boolean => true;

const proxy = createProxyMiddleware<CallRequest, CallResponse>({
  pathFilter: everything,
  // Which instance was chosen before: see ask-instances.ts.
  target: { protocol: "http:", host: "an-instance", port: 80 },
  // The built-in plugins write a line for each request, and answers of their own that show host and URL.
  ejectPlugins: true,
  plugins: [
    (server) => {
      // In place of Node's client, which took two fifths of the gateway's CPU: docs/decisions/0018.
      server.before("web", UNNAMED, (call) => {
        (call as CallRequest).send();
        return true;
      });
      server.on("error", (error, call) => call?.fail(error));
    },
  ],
});

/** Sends to one instance and hands its answer to `take`. Done when that is; whoever has ended it by then hears of it no more. */
export function sendTo<T>(
  it: Try,
  limit: Limit,
  take: (answer: ServiceAnswer) => Promise<T>,
): Promise<T> {
  if (limit.reason) return Promise.reject(limit.reason);
  return new Promise<T>((resolve, reject) => {
    const onAnswer = (answer: ServiceAnswer): void => {
      it.instance.heed(answer.headers, it.again);
      take(answer).then(resolve, giveUp);
    };
    const call = new Call(it, onAnswer, reject);
    const giveUp = (reason: Error): void => call.end(reason);
    limit.whenOver(giveUp);
    void proxy(call as CallRequest, call as CallResponse, reject);
  });
}
