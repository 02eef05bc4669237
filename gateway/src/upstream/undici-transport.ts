import type { IncomingMessage, ServerResponse } from "node:http";
import { definePlugin, type Options, type Plugin } from "http-proxy-middleware";
import type { Answer, Outgoing } from "./call.ts";
import type { Connections } from "./connections.ts";

type Target = NonNullable<Options["target"]>;

export interface TransportOptions<Req, Res> {
  /** In place of the client's own head and body. */
  readonly outgoing: (request: Req) => Outgoing;
  readonly connectionsTo: (origin: string, request: Req) => Connections;
  /** Gets the whole answer, as `responseInterceptor` would. When it throws, the proxy has failed. */
  readonly onAnswer: (answer: Answer, request: Req, response: Res) => void;
}

/**
 * A plugin for http-proxy-middleware: proxied requests are sent by undici instead of Node's HTTP client, which took two fifths of the
 * gateway's CPU (docs/decisions/0022). It takes the place of the server's `web`, with the same promise: `router` and `pathRewrite`
 * say where to, `start` is emitted, and a failure rejects, so that `error` is emitted and `next` called. There is no ClientRequest and
 * no IncomingMessage, so no `proxyReq` and `proxyRes`: `outgoing` and `onAnswer` stand for them.
 */
export const undiciTransport = <Req extends IncomingMessage, Res extends ServerResponse>({
  outgoing,
  connectionsTo,
  onAnswer,
}: TransportOptions<Req, Res>): Plugin<Req, Res> =>
  definePlugin<Req, Res>((server) => {
    server.web = async (request, response, { target } = {}) => {
      server.emit("start", request, response, target!);
      const { method, headers, body, deadline } = outgoing(request);
      const connections = connectionsTo(originOf(target!), request);
      const answer = await connections.request(
        { method, path: request.url!, headers, body },
        deadline,
      );
      onAnswer(answer, request, response);
    };
  });

function originOf(target: Target): string {
  if (typeof target === "string") return new URL(target).origin;
  if (target instanceof URL) return target.origin;
  return `${target.protocol}//${target.host}`;
}
