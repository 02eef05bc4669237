import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const closing = new WeakSet<Socket>();

/** The connection ends with this answer. What comes behind its request is not worked on: nobody would hear what became of it. */
export function closeAfter(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("connection", "close");
  closing.add(request.socket);
}

/** Node goes on reading requests until the connection is closed, and parses all that it has read by then. */
export const comesTooLate = ({ socket }: IncomingMessage): boolean =>
  socket.destroyed || closing.has(socket);
