import { accessSync, constants, existsSync, readFileSync, rmSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { ServerKind } from "./find-server.ts";
import { runCommand } from "../processes/run-command.ts";
import { say, seconds } from "../terminal/say.ts";

const INSTALL_TIMEOUT_MS = 600_000;
const LOCK_WAIT_SECONDS = 120;

const PACKAGES: Record<ServerKind, string> = {
  postgres: "postgresql",
  redis: "redis-server",
  rabbitmq: "rabbitmq-server",
};

export const aptPackages = (kinds: readonly ServerKind[]) => kinds.map((kind) => PACKAGES[kind]);

export function canInstallWithApt(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, "apt-get"), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

// What Debian's packages ask before they start a service of their own; 101 says no.
const POLICY_FILE = "/usr/sbin/policy-rc.d";
const POLICY_MARK = "# written by local-stack for the time of one apt-get install";
const POLICY = `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`;

async function denyServices(): Promise<() => Promise<void>> {
  // One with our mark was left by an install that was killed.
  if (existsSync(POLICY_FILE) && !readFileSync(POLICY_FILE, "utf8").includes(POLICY_MARK)) {
    return async () => {};
  }
  await writeFile(POLICY_FILE, POLICY);
  await chmod(POLICY_FILE, 0o755);
  // Left behind by a forced end, it would keep the machine's other services from starting.
  const remove = () => rmSync(POLICY_FILE, { force: true });
  process.once("exit", remove);
  return async () => {
    process.off("exit", remove);
    remove();
  };
}

// Debian would make a database cluster "main" on port 5432.
const CLUSTER_FILE = "/etc/postgresql-common/createcluster.conf";
const CLUSTER_ORIGINAL = "/usr/share/postgresql-common/createcluster.conf";

async function denyMainCluster(): Promise<() => Promise<void>> {
  const before = existsSync(CLUSTER_FILE) ? await readFile(CLUSTER_FILE, "utf8") : null;
  await mkdir(dirname(CLUSTER_FILE), { recursive: true });
  await writeFile(CLUSTER_FILE, `${before ?? ""}\ncreate_main_cluster = false\n`);
  return async () => {
    if (before !== null) await writeFile(CLUSTER_FILE, before);
    else if (existsSync(CLUSTER_ORIGINAL)) await copyFile(CLUSTER_ORIGINAL, CLUSTER_FILE);
    else await rm(CLUSTER_FILE, { force: true });
  };
}

const APT_GET = ["apt-get", "-q", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`];

async function run(words: string[], signal: AbortSignal | undefined): Promise<void> {
  const [command = "", ...args] = words;
  await runCommand({
    command,
    args,
    // UCF: a configuration file that is there already stays, without a question.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", UCF_FORCE_CONFFOLD: "1" },
    timeoutMs: INSTALL_TIMEOUT_MS,
    // apt-get ends at once while it downloads, and finishes what dpkg has begun: half-installed packages would stay.
    stopSignal: "SIGINT",
    stopTimeoutMs: INSTALL_TIMEOUT_MS,
    signal,
  });
}

export async function installWithApt(
  kinds: readonly ServerKind[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const packages = aptPackages(kinds);
  const startedAt = Date.now();
  say(`Installing ${packages.join(", ")} with apt-get; this may take a minute or two.`);
  const onStop = () => say("Letting apt-get finish what it has begun.");
  signal?.addEventListener("abort", onStop, { once: true });
  const allowServices = await denyServices();
  const allowMainCluster = kinds.includes("postgres") ? await denyMainCluster() : async () => {};
  try {
    // Finishes what an installation that was killed has left half done; else it does nothing.
    await run(["dpkg", "--configure", "-a"], signal);
    await run([...APT_GET, "update"], signal);
    await run([...APT_GET, "install", "--yes", "--no-install-recommends", ...packages], signal);
  } finally {
    signal?.removeEventListener("abort", onStop);
    await allowMainCluster();
    await allowServices();
  }
  say(`Installed in ${seconds(startedAt)}.`);
}
