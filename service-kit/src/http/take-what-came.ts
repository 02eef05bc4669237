import type { Server } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

const LIMIT_MS = 200;

/**
 * Before idle connections are closed: what came while this process was busy is accepted and read. A connection whose request
 * nobody has read yet looks idle, and closing it would cost that request.
 */
export async function takeWhatCame(server: Server): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  let accepted = 0;
  const count = (): number => (accepted += 1);
  server.on("connection", count);
  let before: number;
  do {
    before = accepted;
    // Node accepts one connection in a turn, and reads from it in the next.
    await nextTurn();
    await nextTurn();
  } while (accepted > before && performance.now() < end);
  server.off("connection", count);
}
