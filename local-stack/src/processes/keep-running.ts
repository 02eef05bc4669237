import { setTimeout as pause } from "node:timers/promises";
import type { RunningServer, ServerExit } from "./running-server.ts";
import { say } from "../terminal/say.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
// Whoever lived that long did not die of how it was started.
const SETTLED_AFTER_MS = 30_000;

export interface KeptServer {
  readonly server: RunningServer;
  /** Starts it again on purpose, at once, even while it waits for its next try. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

function howItEnded({ code, signal }: ServerExit): string {
  return signal === null ? `exit code ${code}` : signal;
}

/** Starts a server again whenever it ends unasked: at once the first time, then ever later while it keeps ending. */
export function keepRunning(server: RunningServer): KeptServer {
  const stop = new AbortController();
  let failures = 0;
  let startedAt = Date.now();
  let waiting = new AbortController();
  // One thing at a time: a restart on purpose never meets one after a crash.
  let work: Promise<void> = Promise.resolve();

  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const turn = work.then(task);
    work = turn.catch(() => {});
    return turn;
  };

  async function bringBack(): Promise<void> {
    if (Date.now() - startedAt > SETTLED_AFTER_MS) failures = 0;
    while (!stop.signal.aborted && !server.isRunning()) {
      await waitForNextTry();
      if (stop.signal.aborted) return;
      startedAt = Date.now();
      failures += 1;
      try {
        await server.restart();
        say(`${server.name} runs again (process ${server.pid}).`);
      } catch (error) {
        if (!stop.signal.aborted) say((error as Error).message);
      }
    }
  }

  async function waitForNextTry(): Promise<void> {
    if (failures === 0) return;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
    say(`${server.name}: next try in ${pauseMs / 1000} s.`);
    waiting = new AbortController();
    await pause(pauseMs, undefined, { signal: waiting.signal }).catch(() => {});
  }

  server.onExit((exit) => {
    if (exit.asked || stop.signal.aborted) return;
    say(`${server.name} ended (${howItEnded(exit)}); starting it again.`);
    void inTurn(bringBack);
  });

  return {
    server,
    restart() {
      failures = 0;
      waiting.abort();
      return inTurn(() => server.restart());
    },
    async stop() {
      stop.abort();
      waiting.abort();
      await work;
      await server.stop();
    },
  };
}
