import { flushCompileCache } from "node:module";
import { within } from "./async/limited-wait.ts";
import { ConfigError } from "./config/read-config.ts";

const STOP_LIMIT_MS = 9_500;

export interface RunningProgram {
  readonly url: string;
  stop(): Promise<void>;
}

/** The whole of a service's `main.ts`: serves until a signal, or with the argument `migrate` makes the tables and ends. */
export async function runServiceProgram(
  command: string | undefined,
  does: { readonly serve: () => Promise<RunningProgram>; readonly migrate: () => Promise<void> },
): Promise<void> {
  if (command === undefined) return runUntilSignal(does.serve);
  if (command === "migrate") return orExplain(does.migrate);
  process.stderr.write(`There is no command "${command}": give "migrate", or none to serve.\n`);
  process.exit(1);
}

/** Start, stop at a signal, exit 1 on bad configuration. */
export async function runUntilSignal(start: () => Promise<RunningProgram>): Promise<void> {
  const program = await orExplain(start);
  // Where the launcher keeps compiled code. Node would write it at an orderly end only.
  flushCompileCache();
  const stop = (): void => {
    const limit = within(STOP_LIMIT_MS, program.stop(), () => new Error("not stopped in time"));
    limit.then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function orExplain<T>(work: () => Promise<T>): Promise<T> {
  // In a `then`, since reading the configuration throws before there is a promise.
  return Promise.resolve()
    .then(work)
    .catch((error: unknown) => {
      process.stderr.write(`${explain(error)}\n`);
      process.exit(1);
    });
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "EADDRINUSE") {
    return `${error.message}. Another program listens there: stop it, or set PORT to a free port.`;
  }
  return error.stack ?? error.message;
}
