import { existsSync, readdirSync, readFileSync } from "node:fs";
import { parseRecord, type LoadRecord } from "./load-record.ts";

/** Without colons, which Windows does not take in a name; the newest is the last by name. */
export const recordFile = (script: string, at: Date): string =>
  `${script}-${at.toISOString().replaceAll(/[:.]/g, "-")}.json`;

export function readRecord(path: string): LoadRecord | null {
  return existsSync(path) ? parseRecord(readFileSync(path, "utf8")) : null;
}

export function newestRecordFile(folder: string, script: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const isOfScript = (name: string) => name.replace(/-\d{4}-\d\d-\d\dT.*\.json$/, "") === script;
  return readdirSync(folder).filter(isOfScript).toSorted().at(-1);
}
