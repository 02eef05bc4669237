import { readdirSync, readFileSync } from "node:fs";

/** Linux counts in hundredths of a second wherever Node runs. */
const TICK_US = 10_000;
const PAGE_KB_FIELD = /^VmRSS:\s+(\d+) kB/m;
const SHARE_FIELD = /^Pss:\s+(\d+) kB/m;

export const canReadProcesses = process.platform === "linux";

interface Stat {
  readonly parent: number;
  readonly cpuUs: number;
}

/** Fields by their place in proc(5); the name in the second may hold anything, so they are counted from behind it. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = [14, 15, 16, 17].map((place) => Number(fields[place - 3]));
  return {
    parent: Number(fields[4 - 3]),
    cpuUs: ticks.reduce((sum, each) => sum + each, 0) * TICK_US,
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It may have ended meanwhile.
    return undefined;
  }
}

function allStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    const text = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : undefined;
    if (text !== undefined) stats.set(Number(name), parseStat(text));
  }
  return stats;
}

function treeOf(root: number, stats: ReadonlyMap<number, Stat>): number[] {
  const tree = [root];
  for (const pid of tree) {
    for (const [child, { parent }] of stats) if (parent === pid) tree.push(child);
  }
  return tree;
}

/** The CPU time that each process has used, with what it has started, those that ended included. NaN where it can't be read. */
export function cpuUsOf(pids: readonly number[]): number[] {
  if (!canReadProcesses) return pids.map(() => Number.NaN);
  const stats = allStats();
  return pids.map((pid) =>
    treeOf(pid, stats).reduce((sum, each) => sum + (stats.get(each)?.cpuUs ?? 0), 0),
  );
}

/** Memory in MB: of one process what is resident; of several together each one's share, or they would count it many times. */
export function memoryMbOf(pid: number): number {
  if (!canReadProcesses) return Number.NaN;
  const tree = treeOf(pid, allStats());
  if (tree.length === 1) return kilobytes(`/proc/${pid}/status`, PAGE_KB_FIELD) / 1_024;
  const shares = tree.map((each) => kilobytes(`/proc/${each}/smaps_rollup`, SHARE_FIELD));
  return shares.reduce((sum, each) => sum + each, 0) / 1_024;
}

const kilobytes = (path: string, field: RegExp): number =>
  Number(field.exec(read(path) ?? "")?.[1] ?? Number.NaN);
