import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const LOOK_EVERY_MS = 1_000;
/** What Node's own limits may be late by. */
const LATE_MS = 2_000;
/** Answers that may wait on one connection: more than any well-behaved client sends ahead. */
const MOST_PIPELINED = 32;

/**
 * Cuts connections of slow clients. First, of one that takes longer than this over an answer, counted from its head: a limit for
 * silence alone does not stop a client that reads a little now and then. Second, of one that sends no request for longer than an idle
 * connection is kept: empty lines between requests restart Node's own timer. All are looked at every second; a timer for each answer
 * would cost every answer. The function that it returns is called for each request.
 */
export function cutSlowClients(server: Server, answerLimitMs: number): (socket: Socket) => void {
  /** With the look at which each was last seen to be used. */
  const sockets = new Map<Socket, number>();
  const begunAt = new WeakMap<ServerResponse, number>();
  let lookedAt = performance.now();

  const isOverdue = (answer: ServerResponse, now: number): boolean => {
    if (!answer.headersSent) return false;
    const since = begunAt.get(answer);
    if (since === undefined) begunAt.set(answer, now);
    return since !== undefined && now - since >= answerLimitMs;
  };
  const look = (): void => {
    const now = (lookedAt = performance.now());
    const idleLimitMs = server.keepAliveTimeout + server.headersTimeout + LATE_MS;
    for (const [socket, usedAt] of sockets) {
      const answer = currentAnswer(socket);
      if (answer === undefined) {
        if (now - usedAt > idleLimitMs) socket.destroy();
        continue;
      }
      sockets.set(socket, now);
      if (isOverdue(answer, now)) socket.destroy();
      else for (const one of pipelinedAnswers(socket)) if (isOverdue(one, now)) socket.destroy();
    }
  };
  const use = (socket: Socket): void => void sockets.set(socket, lookedAt);
  server.on("connection", (socket: Socket) => {
    use(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  server.once("close", () => clearInterval(timer));
  return use;
}

const pipelined = new WeakMap<Socket, Set<ServerResponse>>();

/** Several requests came at once, and this one's answer waits for the answers before it. Returns whether too many wait. */
export function waitForTurn(socket: Socket, response: ServerResponse): boolean {
  const waiting = pipelined.get(socket) ?? new Set();
  pipelined.set(socket, waiting.add(response));
  response.once("close", () => waiting.delete(response));
  return waiting.size > MOST_PIPELINED;
}

/** Also the ones that have their turn by now. */
export const pipelinedAnswers = (socket: Socket): Iterable<ServerResponse> =>
  pipelined.get(socket) ?? [];

/** Node keeps it on its socket, and looks there itself. */
export function currentAnswer(socket: Socket): ServerResponse | undefined {
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse | null };
  return answer ?? undefined;
}
