import { existsSync } from "node:fs";
import { readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { OPERATOR } from "./accounts.ts";
import { containerLaunch, volumeFor } from "./container.ts";
import { containerName } from "./docker.ts";
import {
  startProcess,
  type ManagedProcess,
  type ProcessUser,
} from "../processes/managed-process.ts";
import { LOOPBACK } from "../processes/ports.ts";
import { processTree, signalTree } from "../processes/process-tree.ts";
import { plainEnvironment } from "../processes/run-command.ts";

export interface PostgresLaunch {
  name: string;
  port: number;
  flags: string[];
  logFile?: string | undefined;
}

const DOCKER_PORT = 5432;

export function launchInContainer(
  launch: PostgresLaunch & {
    image: string;
    dataDir: string;
    keepData: boolean;
    password: string;
  },
): Promise<ManagedProcess> {
  const { name, port, flags, image, dataDir, keepData, password, logFile } = launch;
  const container = containerName(name, port);
  const volume = volumeFor(dataDir, "/var/lib/postgresql");
  return containerLaunch({
    name: container,
    image,
    ports: { [port]: DOCKER_PORT },
    args: ["postgres", ...flags],
    env: { POSTGRES_USER: OPERATOR, POSTGRES_PASSWORD: password, POSTGRES_DB: "postgres" },
    volume: keepData ? volume : undefined,
    logFile,
  });
}

export async function launchBinary(
  launch: PostgresLaunch & { binary: string; dataDir: string; user: ProcessUser | undefined },
): Promise<ManagedProcess> {
  const { port, flags, binary, dataDir, user, logFile } = launch;
  await dropReusedPidFile(dataDir);
  const where = ["-D", dataDir, "-p", `${port}`, "-c", `listen_addresses=${LOOPBACK}`];
  const server = await startProcess({
    command: binary,
    args: [...where, "-c", "unix_socket_directories=", ...flags],
    cwd: dataDir,
    env: plainEnvironment(),
    user,
    logFile,
  });
  let stopped: number[] = [];
  return {
    ...server,
    signal(signal) {
      // Its backends are in groups of their own, and once it is dead nothing tells whose they were.
      if (signal === "SIGSTOP") stopped = processTree(server.pid);
      if (signal === "SIGSTOP" || signal === "SIGCONT") return signalTree(stopped, signal);
      return server.signal(signal);
    },
  };
}

/**
 * PostgreSQL removes the pid file of a dead server itself, but after a reboot the number may be another program's,
 * and then it would refuse to start for as long as that runs.
 */
async function dropReusedPidFile(dataDir: string): Promise<void> {
  const pidFile = join(dataDir, "postmaster.pid");
  if (!existsSync(pidFile) || process.platform !== "linux") return;
  const pid = (await readFile(pidFile, "utf8")).split("\n")[0] ?? "";
  const program = await readlink(`/proc/${pid}/exe`).catch(() => null);
  if (program !== null && !program.includes("postgres")) await rm(pidFile, { force: true });
}
