import { IncomingMessage, ServerResponse, type ServerOptions } from "node:http";
import type { Express } from "express";

export type MadeObjects = Required<Pick<ServerOptions, "IncomingMessage" | "ServerResponse">>;

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
