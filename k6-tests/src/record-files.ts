import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { parseRecord, type LoadRecord } from "./load-record.ts";

/** Without colons, which Windows does not take in a name; the newest is the last by name. */
export const recordFile = (script: string, at: Date): string =>
  `${script}-${at.toISOString().replaceAll(/[:.]/g, "-")}.json`;

export function readRecord(path: string): LoadRecord | null {
  return existsSync(path) ? parseRecord(readFileSync(path, "utf8")) : null;
}

/** Kept, and never taken for a whole run again. */
export function markStopped(folder: string, file: string): string {
  const path = join(folder, file);
  const stopped = path.replace(/\.json$/, "-stopped.json");
  if (existsSync(path)) renameSync(path, stopped);
  return stopped;
}

export function newestRecordFile(folder: string, script: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const isOfScript = (name: string) =>
    name.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z\.json$/, "") === script;
  return readdirSync(folder).filter(isOfScript).toSorted().at(-1);
}
