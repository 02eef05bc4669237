import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** More than any well-behaved client sends ahead. */
const MOST_IN_LINE = 32;

const inLine = new WeakMap<Socket, Set<ServerResponse>>();

/** Several requests came at once, and this one's answer waits for those before it. Hands back whether too many do. */
export function waitInLine(socket: Socket, response: ServerResponse): boolean {
  const line = inLine.get(socket) ?? new Set();
  inLine.set(socket, line.add(response));
  response.once("close", () => line.delete(response));
  return line.size > MOST_IN_LINE;
}

/** Also those that have got their turn by now. */
export const answersInLine = (socket: Socket): Iterable<ServerResponse> => inLine.get(socket) ?? [];

/** Node keeps it on its socket, and looks there itself. */
export function answerAtWork(socket: Socket): ServerResponse | undefined {
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse | null };
  return answer ?? undefined;
}
