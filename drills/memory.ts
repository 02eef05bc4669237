import { readFileSync } from "node:fs";

const PAGE_BYTES = 4_096;
const MEGABYTE = 1_048_576;

/** What a process has in memory; NaN where the system does not tell: only Linux has it. */
export function megabytesOf(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return Math.round((pages * PAGE_BYTES) / MEGABYTE);
  } catch {
    return Number.NaN;
  }
}
