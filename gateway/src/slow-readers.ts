import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerAtWork, answersInLine } from "./answers-on-socket.ts";

const LOOK_EVERY_MS = 1_000;

/**
 * Cuts off who takes longer than this over an answer, counted from its head: a limit for silence alone is no limit for a client
 * that reads a little now and then. All connections are looked at every second; a timer for each answer would cost every answer.
 */
export function cutSlowReaders(server: Server, answerLimitMs: number): void {
  const sockets = new Set<Socket>();
  const begunAt = new WeakMap<ServerResponse, number>();

  const isOverdue = (answer: ServerResponse, now: number): boolean => {
    if (!answer.headersSent) return false;
    const since = begunAt.get(answer);
    if (since === undefined) begunAt.set(answer, now);
    return since !== undefined && now - since >= answerLimitMs;
  };
  const look = (): void => {
    const now = performance.now();
    for (const socket of sockets) {
      const answer = answerAtWork(socket);
      const answers = answer ? [answer, ...answersInLine(socket)] : [];
      if (answers.some((one) => isOverdue(one, now))) socket.destroy();
    }
  };
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  server.once("close", () => clearInterval(timer));
}
