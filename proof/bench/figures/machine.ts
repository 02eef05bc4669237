import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type as systemName } from "node:os";
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
