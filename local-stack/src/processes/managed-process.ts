import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync } from "node:fs";
import { openLogFile } from "./log-file.ts";
import { identityOf } from "./process-identity.ts";

const RECENT_OUTPUT_CHARS = 8_000;
const LAST_WORDS_TIMEOUT_MS = 200;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProcessUser {
  uid: number;
  gid: number;
}

export interface Launch {
  command: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  user?: ProcessUser | undefined;
  logFile?: string | undefined;
  onOutput?: (text: string) => void;
}

export interface ManagedProcess {
  /** The process that is to be named and watched, which is not always the one that was spawned (Docker). */
  pid: number;
  /** The container that it is in, if it is in one. */
  container?: string;
  exited: Promise<Exit>;
  hasExited(): boolean;
  recentOutput(): string;
  signal(signal: NodeJS.Signals): void | Promise<void>;
}

// What still runs, so that a forced end can reach even what is half started.
const alive = new Set<ChildProcess>();

// Also when the launcher itself ends by a mistake: nothing may outlive it.
process.on("exit", killEverything);

export function killEverything(): void {
  for (const child of alive) signalGroup(child.pid, "SIGKILL");
}

/** npm test ends what a killed test run has left: it hands over a file, and each process is noted in it. */
export const PROCESS_NOTES_VARIABLE = "LOCAL_STACK_PROCESS_NOTES";

function noteForLater(pid: number | undefined): void {
  const path = process.env[PROCESS_NOTES_VARIABLE];
  if (!path || pid === undefined) return;
  appendFileSync(path, `${JSON.stringify(identityOf(pid))}\n`);
}

export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  signalProcess(pid === undefined ? undefined : -pid, signal);
}

export function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Every child leads a process group of its own: the terminal's Ctrl-C reaches the launcher alone, and what a
 * child has started can be ended with it.
 */
export async function startProcess(launch: Launch): Promise<ManagedProcess> {
  const child = spawn(launch.command, launch.args, {
    cwd: launch.cwd,
    env: launch.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
    ...launch.user,
  });
  alive.add(child);
  noteForLater(child.pid);
  const log = launch.logFile === undefined ? null : openLogFile(launch.logFile);
  let recent = "";
  const take = (chunk: Buffer) => {
    log?.write(chunk);
    const text = chunk.toString();
    recent = (recent + text).slice(-RECENT_OUTPUT_CHARS);
    launch.onOutput?.(text);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);

  let over = false;
  const exited = new Promise<Exit>((resolve) => {
    const finish = (exit: Exit) => {
      over = true;
      alive.delete(child);
      resolve(exit);
    };
    child.once("exit", (code, signal) => {
      // The last words may come after the end; whoever inherited the pipe may hold it for ever.
      const silent = setTimeout(() => finish({ code, signal }), LAST_WORDS_TIMEOUT_MS);
      child.once("close", () => {
        clearTimeout(silent);
        finish({ code, signal });
      });
    });
    child.once("error", (error) => {
      recent += error.message;
      // A command that can't be run at all has neither code nor signal: 127 is what a shell says.
      if (child.pid === undefined) finish({ code: 127, signal: null });
    });
    child.once("close", () => log?.close());
  });
  await new Promise<void>((resolve) => {
    child.once("spawn", resolve);
    child.once("error", () => resolve());
  });

  return {
    pid: child.pid ?? 0,
    exited,
    hasExited: () => over,
    recentOutput: () => recent,
    signal: (signal) => signalProcess(child.pid, signal),
  };
}
