import { removeContainer } from "../servers/docker.ts";
import { signalGroup, signalProcess } from "../processes/managed-process.ts";
import { isStillRunning, type ProcessIdentity } from "../processes/process-identity.ts";
import { readProcessesFile, type ProcessEntry } from "./processes-file.ts";
import { say } from "../terminal/say.ts";
import { waitUntil } from "../processes/wait-until.ts";

const ORDERLY_END_TIMEOUT_MS = 15_000;
const KILL_TIMEOUT_MS = 5_000;

function untilEnded(identity: ProcessIdentity, whose: string, timeoutMs: number): Promise<void> {
  return waitUntil(() => !isStillRunning(identity), { what: `the end of ${whose}`, timeoutMs });
}

async function endProcess(entry: ProcessEntry): Promise<void> {
  if (entry.container !== undefined) return removeContainer(entry.container);
  const whose = `${entry.name} (process ${entry.pid})`;
  // PostgreSQL takes SIGTERM as "wait until everybody has left".
  signalProcess(entry.pid, entry.url.startsWith("postgres:") ? "SIGINT" : "SIGTERM");
  try {
    await untilEnded(entry, whose, ORDERLY_END_TIMEOUT_MS);
  } catch {
    signalGroup(entry.pid, "SIGKILL");
    await untilEnded(entry, whose, KILL_TIMEOUT_MS);
  }
}

async function endHelper(helper: ProcessIdentity): Promise<void> {
  if (!isStillRunning(helper)) return;
  signalProcess(helper.pid, "SIGKILL");
  await untilEnded(helper, `a helper (process ${helper.pid})`, KILL_TIMEOUT_MS);
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
  await Promise.all(entries.flatMap(({ helpers = [] }) => helpers).map(endHelper));
}
