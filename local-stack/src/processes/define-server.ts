import type { ManagedProcess } from "./managed-process.ts";
import type { RunningServer, ServerExit, ServerSpec } from "./running-server.ts";
import { waitUntil } from "./wait-until.ts";

const ORDERLY_STOP_TIMEOUT_MS = 30_000;
const KILL_TIMEOUT_MS = 10_000;

async function within(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

/** Not running yet: restart() starts it. */
export function defineServer(spec: ServerSpec): RunningServer {
  const exitListeners: ((exit: ServerExit) => void)[] = [];
  const stopTimeoutMs = spec.stopTimeoutMs ?? ORDERLY_STOP_TIMEOUT_MS;
  let current: ManagedProcess | null = null;
  let asked = false;
  let paused = false;

  async function launch(): Promise<ManagedProcess> {
    const launched = await spec.launch();
    current = launched;
    const { name, port, url } = spec;
    const { pid, container } = launched;
    const helperPids = spec.helperPids?.() ?? [];
    spec.onLaunch?.({ name, port, url, pid, helperPids, container });
    return launched;
  }

  /** Until it answers; a start that fails for now is tried again as long as there is time. */
  async function start(): Promise<void> {
    asked = false;
    paused = false;
    let launched = await launch();
    const what = `${spec.name} did not get ready on port ${spec.port}`;
    await waitUntil(
      async () => {
        if (!launched.hasExited()) return spec.isReady();
        const output = launched.recentOutput().trim();
        if (!spec.failsForNow?.(output)) {
          const { code, signal } = await launched.exited;
          const said = spec.outputIsShown ? "" : `:\n${output}`;
          throw new Error(
            `${spec.name} ended before it was ready (${signal ?? `exit code ${code}`})${said}`,
          );
        }
        launched = await launch();
        return false;
      },
      { what, timeoutMs: spec.readyTimeoutMs, signal: spec.signal },
    );
    await spec.onReady?.();
    void reportExit(launched);
  }

  async function reportExit(launched: ManagedProcess): Promise<void> {
    const exit = await launched.exited;
    const report = { ...exit, asked, recentOutput: launched.recentOutput() };
    for (const listener of exitListeners) listener(report);
  }

  async function resume(): Promise<void> {
    if (paused) await current?.signal("SIGCONT");
    paused = false;
  }

  async function end(signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
    asked = true;
    if (current === null || current.hasExited()) return;
    await current.signal(signal);
    // A stopped process does not see its end coming, and its children would stay stopped for ever.
    await resume();
    if (await within(current.exited, timeoutMs)) return;
    await current.signal("SIGKILL");
    if (!(await within(current.exited, KILL_TIMEOUT_MS))) {
      throw new Error(`${spec.name} (process ${current.pid}) can't be ended`);
    }
  }

  return {
    name: spec.name,
    port: spec.port,
    url: spec.url,
    get pid() {
      return current?.pid ?? 0;
    },
    get helperPids() {
      return spec.helperPids?.() ?? [];
    },
    isRunning: () => current !== null && !current.hasExited(),
    async stop() {
      await end(spec.stopSignal, stopTimeoutMs);
      await spec.cleanUp?.();
    },
    kill: (signal = "SIGKILL") => end(signal, KILL_TIMEOUT_MS),
    async pause() {
      await current?.signal("SIGSTOP");
      paused = true;
    },
    resume,
    async restart() {
      await end(spec.stopSignal, stopTimeoutMs);
      try {
        await start();
      } catch (error) {
        await end("SIGKILL", KILL_TIMEOUT_MS);
        throw error;
      }
    },
    onExit: (listener) => void exitListeners.push(listener),
  };
}

export async function runServer(spec: ServerSpec): Promise<RunningServer> {
  const server = defineServer(spec);
  try {
    await server.restart();
  } catch (error) {
    await spec.cleanUp?.();
    throw error;
  }
  return server;
}
