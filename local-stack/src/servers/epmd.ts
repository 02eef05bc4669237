import { findErlangTool } from "./find-server.ts";
import { startProcess, type ManagedProcess } from "../processes/managed-process.ts";
import { LOOPBACK } from "../processes/ports.ts";
import { plainEnvironment } from "../processes/run-command.ts";

/**
 * Erlang would start one by itself, as a daemon that outlives it and that nobody knows the number of. Started by us it
 * can be ended by us.
 */
export async function startEpmd(port: number, cwd: string): Promise<ManagedProcess> {
  const command = findErlangTool("epmd");
  if (command === null) throw new Error("Erlang's epmd is not on this machine");
  const args = ["-port", `${port}`, "-address", LOOPBACK];
  return startProcess({ command, args, cwd, env: plainEnvironment() });
}

/** A second one on the same port ends at once, and the first one serves. */
export async function stopEpmd(epmd: ManagedProcess | null): Promise<void> {
  if (epmd === null || epmd.hasExited()) return;
  await epmd.signal("SIGKILL");
  await epmd.exited;
}
