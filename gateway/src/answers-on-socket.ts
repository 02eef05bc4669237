import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

const inLine = new WeakMap<Socket, Set<ServerResponse>>();

/** Several requests came at once, and this one's answer waits for those before it. */
export function waitInLine(socket: Socket, response: ServerResponse): void {
  const line = inLine.get(socket) ?? new Set();
  inLine.set(socket, line.add(response));
  response.once("close", () => line.delete(response));
}

/** Also those that have got their turn by now. */
export const answersInLine = (socket: Socket): Iterable<ServerResponse> => inLine.get(socket) ?? [];

/** Node keeps it on its socket, and looks there itself. */
export function answerAtWork(socket: Socket): ServerResponse | undefined {
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse | null };
  return answer ?? undefined;
}
