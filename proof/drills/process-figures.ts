import { readdirSync, readFileSync } from "node:fs";

const PAGE_BYTES = 4_096;
const MEGABYTE = 1_048_576;

/** Of one process, as the system sees it. Only Linux has these; elsewhere there is nothing to compare. */
export function memoryOf(pid: number): number | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return (pages * PAGE_BYTES) / MEGABYTE;
  } catch {
    return undefined;
  }
}

export function openFilesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

const TICKS_PER_S = 100;
/** Counted from behind the name, which may have spaces in it. */
const START_FIELD = 19;

/** How long it has lived, in milliseconds. */
export function ageOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const uptimeS = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    return (uptimeS - Number(fields[START_FIELD]) / TICKS_PER_S) * 1_000;
  } catch {
    return undefined;
  }
}

const METRICS_LIMIT_MS = 3_000;

/** What of V8's heap a service uses. Nothing when it does not answer. */
export async function heapOf(serviceUrl: string): Promise<number | undefined> {
  const signal = AbortSignal.timeout(METRICS_LIMIT_MS);
  const answer = await fetch(`${serviceUrl}/metrics`, { signal }).catch(() => undefined);
  const text = await answer?.text().catch(() => "");
  const bytes = /^nodejs_heap_size_used_bytes (\S+)/m.exec(text ?? "")?.[1];
  return bytes === undefined ? undefined : Number(bytes) / MEGABYTE;
}
