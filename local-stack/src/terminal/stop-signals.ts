import { killEverything } from "../processes/managed-process.ts";
import { say } from "./say.ts";

const PARENT_CHECK_MS = 500;
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
  // Without whoever started us nobody could stop us any more: bootstrap.mjs under another Node, or npm.
  process.on("disconnect", onSignal);
  const stopWatching = onParentGone(onSignal);
  // A terminal that was closed takes no more lines; that is no reason to leave the servers behind.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});

  return {
    signal: stop.signal,
    ignore() {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
      process.off("disconnect", onSignal);
      stopWatching();
    },
  };
}

/** npm passes a signal on, but when it is killed outright only the new parent tells. */
function onParentGone(tell: () => void): () => void {
  if (!process.env["npm_lifecycle_event"]) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    tell();
  }, PARENT_CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
