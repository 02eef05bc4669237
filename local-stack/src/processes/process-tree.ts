import { execFileSync } from "node:child_process";
import { signalProcess } from "./managed-process.ts";

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  const table = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  for (const line of table.trim().split("\n")) {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    if (pid === undefined || parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

/** The process and all that it has started, itself first. */
export function processTree(root: number): number[] {
  const children = childrenByParent();
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** PostgreSQL's backends leave their parent's process group: signalling the group would miss them. */
export function signalTree(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) signalProcess(pid, signal);
}
