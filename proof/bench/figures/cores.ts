import { availableParallelism } from "node:os";
import { findOnPath } from "local-stack/servers/find-server";

const taskset = process.platform === "linux" ? findOnPath("taskset") : null;

export const canPin = taskset !== null && availableParallelism() > 1;

/** The cores of the gateway's scenarios: what is measured has one of its own; on two cores the other two share theirs. */
export const CORES = {
  measured: [0],
  upstream: [1],
  load: [Math.min(2, availableParallelism() - 1)],
} as const;

/** The command as it has to be run to stay on these cores. */
export function onCores(
  cores: readonly number[] | undefined,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  if (!canPin || cores === undefined) return { command, args: [...args] };
  return { command: taskset!, args: ["-c", cores.join(","), command, ...args] };
}
