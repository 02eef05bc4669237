import { setImmediate as nextTurn } from "node:timers/promises";

/** To accept what connects, to read what it sends, and one to spare. */
const TURNS = 3;

/**
 * Before idle connections are closed: what came while this process was busy is accepted and read. A connection whose request
 * nobody has read yet looks idle, and closing it would cost that request.
 */
export async function takeWhatCame(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
}
