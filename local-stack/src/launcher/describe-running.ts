import { isPortFree } from "../processes/ports.ts";
import { isStillRunning } from "../processes/process-identity.ts";
import { readProcessesFile, type ProcessEntry } from "./processes-file.ts";

/** A line for each server and program of the list that really runs; null when none does. */
export async function describeRunning(processesFile: string): Promise<string | null> {
  const entries = readProcessesFile(processesFile);
  const running = await Promise.all(entries.map(runs));
  if (!running.includes(true)) return null;
  return entries
    .map((entry, index) => {
      const state = running[index] ? `process ${entry.pid}` : "does not run";
      return `  ${entry.name.padEnd(16)} ${withoutPassword(entry.url).padEnd(40)} ${state}`;
    })
    .join("\n");
}

/** Docker Desktop's processes are on another machine: their port shows whether they run. */
const runs = async (entry: ProcessEntry): Promise<boolean> =>
  isStillRunning(entry) || (entry.container !== undefined && !(await isPortFree(entry.port)));

function withoutPassword(text: string): string {
  const url = new URL(text);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/$/, "");
}
