import { killEverything } from "./managed-process.ts";
import { say } from "./say.ts";

// One Ctrl-C can arrive twice: from the terminal, and handed on by npm.
const SAME_KEY_PRESS_MS = 700;
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface StopRequest {
  /** Aborted when the user wants an end. */
  signal: AbortSignal;
  ignore: () => void;
}

/** The first signal asks for an orderly end, a second one ends everything at once. */
export function listenForStop(): StopRequest {
  const stop = new AbortController();
  let firstAt = 0;

  const onSignal = () => {
    if (!stop.signal.aborted) {
      firstAt = Date.now();
      say("Stopping. Press Ctrl-C again to end everything at once.");
      stop.abort(new Error("stopped"));
    } else if (Date.now() - firstAt > SAME_KEY_PRESS_MS) {
      say("Ending everything at once.");
      killEverything();
      process.exit(1);
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  // Started by bootstrap.mjs under another Node: without it nobody could stop us any more.
  process.on("disconnect", onSignal);
  // A terminal that was closed takes no more lines; that is no reason to leave the servers behind.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});

  return {
    signal: stop.signal,
    ignore() {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
      process.off("disconnect", onSignal);
    },
  };
}
