import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { docker, environmentFlags, removeContainer, serverPid } from "./docker.ts";
import { plainEnvironment } from "../processes/run-command.ts";
import { startProcess, type ManagedProcess } from "../processes/managed-process.ts";
import { LOOPBACK } from "../processes/ports.ts";
import { wasReady } from "./ready-mark.ts";
import { waitUntil } from "../processes/wait-until.ts";

// Long enough to pull an image that nobody has pulled before.
const START_TIMEOUT_MS = 600_000;
const SERVER_MEMORY = "1g";

/** What outlives the container, at the path where the image keeps its data; emptied first if it is not worth keeping. */
export interface Volume {
  name: string;
  path: string;
  keep: boolean;
}

/** Named after the data folder that it stands in for, so that two checkouts never share one. */
export function volumeFor(dataDir: string, path: string): Volume {
  const key = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  return { name: `local-stack-${basename(dataDir)}-${key}`, path, keep: wasReady(dataDir) };
}

export interface ContainerLaunch {
  name: string;
  image: string;
  /** Host port (on loopback) to the container's. */
  ports: Record<number, number>;
  args?: string[];
  env?: Record<string, string>;
  volume?: Volume | undefined;
  /** Files of this machine, by the path that they have inside, where they can only be read. */
  files?: Record<string, string>;
  hostname?: string;
  logFile?: string | undefined;
}

const dockerVerbs: Partial<Record<NodeJS.Signals, string[]>> = {
  SIGSTOP: ["pause"],
  SIGCONT: ["unpause"],
};

// What still runs, for a launcher that ends by force: killing the `docker run` does not end the container.
const alive = new Set<string>();
const endAlive = () => void spawnSync("docker", ["rm", "-f", ...alive], { stdio: "ignore" });

/** The container runs in the foreground: its end is the end of the `docker run` that we watch. */
export async function containerLaunch(launch: ContainerLaunch): Promise<ManagedProcess> {
  const { name, image, args = [], env = {}, volume, files = {}, hostname, logFile } = launch;
  await removeContainer(name);
  if (volume && !volume.keep) {
    await docker(["volume", "rm", "-f", volume.name]);
  }
  const options = [
    ["--rm", "--name", name, "--label", "local-stack", "--memory", SERVER_MEMORY],
    Object.entries(launch.ports).flatMap(([host, inside]) => [
      "-p",
      `${LOOPBACK}:${host}:${inside}`,
    ]),
    environmentFlags(env),
    volume ? ["-v", `${volume.name}:${volume.path}`] : [],
    Object.entries(files).flatMap(([path, inside]) => ["-v", `${path}:${inside}:ro`]),
    hostname ? ["--hostname", hostname] : [],
  ].flat();
  const client = await startProcess({
    command: "docker",
    args: ["run", ...options, image, ...args],
    cwd: process.cwd(),
    env: { ...plainEnvironment(), ...env },
    logFile,
  });

  if (alive.size === 0) process.once("exit", endAlive);
  alive.add(name);
  void client.exited.then(() => {
    alive.delete(name);
    if (alive.size === 0) process.off("exit", endAlive);
  });

  let pid = 0;
  await waitUntil(
    async () => {
      pid = await serverPid(name);
      return pid > 0 || client.hasExited();
    },
    { what: `the container ${name}`, timeoutMs: START_TIMEOUT_MS },
  );
  return {
    ...client,
    pid: pid || client.pid,
    container: name,
    async signal(signal) {
      const verb = dockerVerbs[signal] ?? ["kill", "--signal", signal];
      // A container that is gone already needs no signal; its exit is seen all the same.
      await docker([...verb, name]).catch(() => "");
    },
  };
}
