import { once } from "node:events";
import { join } from "node:path";
import { lastingPasswords } from "../servers/accounts.ts";
import { becomeBatchWork } from "./batch-scheduling.ts";
import { bringUp, type Running } from "./bring-up.ts";
import { checkPorts } from "./check-ports.ts";
import { stateFolder } from "../terminal/checkout.ts";
import { readConfig } from "./config.ts";
import type { KeptServer } from "../processes/keep-running.ts";
import { lockPath, takeLauncherLock } from "./launcher-lock.ts";
import { endLeftovers } from "./leftovers.ts";
import { openProcessesFile, processesPath } from "./processes-file.ts";
import { checkSettings, loadProgramVariables } from "../programs/program-settings.ts";
import type { Program } from "../programs/programs.ts";
import { say } from "../terminal/say.ts";
import { listenForStop } from "../terminal/stop-signals.ts";
import { welcome } from "./welcome.ts";

export interface Stack {
  checkout: string;
  programs: readonly Program[];
  env: NodeJS.ProcessEnv;
  /** Data, logs and the list of what runs; the checkout's own unless it is given. */
  stateFolder?: string;
  /** The exit code when the user wants an end before there is a result. */
  whenStopped?: number;
  /** Runs when everything is ready, until the signal says stop. An exit code ends everything by itself. */
  whileRunning?: (running: Running, signal: AbortSignal) => Promise<number | void>;
}

/** Everything up, until somebody wants an end; then everything down. Hands back the exit code. */
export async function launch(stack: Stack): Promise<number> {
  const { checkout, programs, env, whileRunning, whenStopped = 0 } = stack;
  const { signal, ignore } = listenForStop();
  const folder = stack.stateFolder ?? stateFolder(checkout);
  const list = openProcessesFile(processesPath(folder));
  const running: Running = { servers: [], programs: [], list };
  let giveLockBack: (() => void) | undefined;
  try {
    const variables = await loadProgramVariables(checkout, programs);
    checkSettings(programs, variables, env);
    const config = readConfig(env, programs);
    giveLockBack = takeLauncherLock(lockPath(folder));
    await endLeftovers(processesPath(folder));
    await checkPorts(config.claimedPorts);
    becomeBatchWork();
    const startedAt = Date.now();
    const urls = await bringUp({
      checkout,
      programs,
      config,
      variables,
      stateFolder: folder,
      running,
      passwordOf: lastingPasswords(join(folder, "secret")),
      signal,
    });
    if (stack.stateFolder === undefined) welcome(urls, programs, { startedAt, config });
    const exitCode = await whileRunning?.(running, signal);
    if (typeof exitCode === "number") return exitCode;
    if (!signal.aborted) await once(signal, "abort");
    return whenStopped;
  } catch (error) {
    if (signal.aborted) return whenStopped;
    say((error as Error).message);
    return 1;
  } finally {
    await bringDown(running);
    if (giveLockBack) list.remove();
    if (signal.aborted) say("Stopped.");
    giveLockBack?.();
    ignore();
  }
}

/** The programs one after the other, so that each can still finish with those it needs; then the servers. */
async function bringDown({ programs, servers }: Running): Promise<void> {
  const stop = async (kept: KeptServer) => {
    await kept.stop().catch((error: unknown) => say((error as Error).message));
  };
  for (const program of programs.toReversed()) await stop(program);
  await Promise.all(servers.map(stop));
}
