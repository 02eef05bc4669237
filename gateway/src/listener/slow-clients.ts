import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerAtWork, answersInLine } from "./answers-on-socket.ts";

const LOOK_EVERY_MS = 1_000;
/** What Node's own limits may be late by. */
const LATE_MS = 2_000;

/**
 * Cuts connections of slow clients. One that takes longer than this over an answer, counted from its head: a limit for silence alone
 * does not stop a client that reads a little now and then. And one that brings no request for longer than an idle connection is kept:
 * empty lines between requests restart Node's own timer. All are looked at every second; a timer for each answer would cost every
 * answer. Returns what is to be called for each request.
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
      const answer = answerAtWork(socket);
      if (answer === undefined) {
        if (now - usedAt > idleLimitMs) socket.destroy();
        continue;
      }
      sockets.set(socket, now);
      if (isOverdue(answer, now)) socket.destroy();
      else for (const one of answersInLine(socket)) if (isOverdue(one, now)) socket.destroy();
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
