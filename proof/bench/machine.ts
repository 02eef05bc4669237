import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type as systemName } from "node:os";
import { findOnPath } from "local-stack/servers/find-server";
import { CHECKOUT } from "local-stack/terminal/checkout";

/** What the bench writes, from the checkout's folder. */
export const DOCUMENT = "proof/docs/benchmarks.md";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly commit: string;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() || "unknown CPU",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: distribution() ?? kernel(),
    node: process.versions.node,
    commit: commit(),
  };
}

/** Without what its builder has added to the version. */
const kernel = (): string => `${systemName()} ${release().split("-")[0]}`;

function distribution(): string | undefined {
  try {
    const [, name] = /^PRETTY_NAME="(.+)"$/m.exec(readFileSync("/etc/os-release", "utf8")) ?? [];
    return name === undefined ? undefined : `${name}, ${kernel()}`;
  } catch {
    return undefined;
  }
}

/** With a plus when files differ from it, other than the one that the bench writes. */
function commit(): string {
  const git = (...args: string[]) =>
    spawnSync("git", args, { cwd: CHECKOUT, encoding: "utf8" }).stdout?.trim() ?? "";
  const hash = git("rev-parse", "--short", "HEAD");
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", `:!${DOCUMENT}`);
  return hash === "" ? "unknown" : `${hash}${changed === "" ? "" : "+"}`;
}

/** What a program says when it is asked for its version, e.g. `nginx -v`. */
export function versionOf(command: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown version";
}

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
