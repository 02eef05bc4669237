import { removeContainer } from "./docker.ts";
import { signalGroup, signalProcess } from "./managed-process.ts";
import { isStillRunning } from "./process-identity.ts";
import { readProcessesFile, type ProcessEntry } from "./processes-file.ts";
import { say } from "./say.ts";
import { waitUntil } from "./wait-until.ts";

const ORDERLY_END_TIMEOUT_MS = 15_000;
const KILL_TIMEOUT_MS = 5_000;

async function endProcess(entry: ProcessEntry): Promise<void> {
  if (entry.container !== undefined) return removeContainer(entry.container);
  const isGone = () => !isStillRunning(entry);
  // PostgreSQL takes SIGTERM as "wait until everybody has left".
  signalProcess(entry.pid, entry.url.startsWith("postgres:") ? "SIGINT" : "SIGTERM");
  const what = `the end of ${entry.name} (process ${entry.pid})`;
  try {
    await waitUntil(isGone, { what, timeoutMs: ORDERLY_END_TIMEOUT_MS });
  } catch {
    signalGroup(entry.pid, "SIGKILL");
    await waitUntil(isGone, { what, timeoutMs: KILL_TIMEOUT_MS });
  }
}

/** After a launcher that was killed: what its list names and still runs is ended, and nobody else's process is touched. */
export async function endLeftovers(processesFile: string): Promise<void> {
  const entries = readProcessesFile(processesFile);
  const running = entries.filter((entry) => entry.container || isStillRunning(entry));
  if (running.length > 0) {
    say(
      `Ending what an earlier start left running: ${running.map(({ name }) => name).join(", ")}.`,
    );
    await Promise.all(running.map(endProcess));
  }
  for (const helper of entries.flatMap(({ helpers = [] }) => helpers)) {
    if (isStillRunning(helper)) signalProcess(helper.pid, "SIGKILL");
  }
}
