import { startProcess, signalGroup, signalProcess, type Launch } from "./managed-process.ts";

const STOP_TIMEOUT_MS = 5_000;

export interface CommandOptions extends Omit<Launch, "cwd" | "env"> {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** What a message calls it; without it the whole command line. */
  label?: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  stopSignal?: NodeJS.Signals;
  /** How long it may take to end in order before it is killed with all that it has started. */
  stopTimeoutMs?: number;
}

/** Runs a command to its end and hands back what it said; an abort or the time limit ends it. */
export async function runCommand(options: CommandOptions): Promise<string> {
  const { signal, timeoutMs, stopSignal = "SIGTERM", stopTimeoutMs = STOP_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  let output = "";
  const command = await startProcess({
    ...options,
    cwd: options.cwd ?? process.cwd(),
    env: options.env ?? process.env,
    onOutput(text) {
      output += text;
      options.onOutput?.(text);
    },
  });

  let tooLate = false;
  let force: NodeJS.Timeout | undefined;
  const end = () => {
    signalProcess(command.pid, stopSignal);
    force = setTimeout(() => signalGroup(command.pid, "SIGKILL"), stopTimeoutMs);
  };
  const limit = setTimeout(() => {
    tooLate = true;
    end();
  }, timeoutMs);
  if (signal?.aborted) end();
  signal?.addEventListener("abort", end, { once: true });
  const { code, signal: endedBy } = await command.exited;
  clearTimeout(limit);
  clearTimeout(force);
  signal?.removeEventListener("abort", end);

  signal?.throwIfAborted();
  if (code === 0) return output;
  const name = options.label ?? [options.command, ...options.args].join(" ");
  const how = tooLate ? `took over ${timeoutMs / 1000} s` : `ended with ${endedBy ?? code}`;
  throw new Error(`${name} ${how}\n${command.recentOutput().trim()}`);
}

const INHERITED = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "SystemRoot", "DOCKER_HOST", "HOME"];

/** The user's own PG*, RABBITMQ_* and ERL_* settings are for other servers than ours. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = INHERITED.map((name) => [name, process.env[name]] as const);
  return { ...Object.fromEntries(kept.filter(([, value]) => value !== undefined)), LC_ALL: "C" };
}
