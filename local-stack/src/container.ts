import { plainEnvironment } from "./server-options.ts";
import { startProcess, type ManagedProcess } from "./managed-process.ts";
import { LOOPBACK } from "./ports.ts";
import { runCommand } from "./run-command.ts";
import { waitUntil } from "./wait-until.ts";

const ENGINE_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;
const PULL_TIMEOUT_MS = 600_000;
const SERVER_MEMORY = "1g";

export interface ContainerLaunch {
  name: string;
  image: string;
  /** Host port (on loopback) to the container's. */
  ports: Record<number, number>;
  args?: string[];
  env?: Record<string, string>;
  /** Where the image keeps its data; a volume of that name outlives the container. */
  volume?: { name: string; path: string } | undefined;
  hostname?: string;
  logFile?: string | undefined;
}

function docker(args: string[], timeoutMs: number, signal?: AbortSignal): Promise<string> {
  return runCommand({ command: "docker", args, env: plainEnvironment(), timeoutMs, signal });
}

export async function dockerAnswers(signal?: AbortSignal): Promise<boolean> {
  try {
    await docker(["version", "--format", "{{.Server.Version}}"], ENGINE_TIMEOUT_MS, signal);
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

export async function imageIsHere(image: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await docker(["image", "inspect", image], COMMAND_TIMEOUT_MS, signal);
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

export async function pullImage(image: string, signal?: AbortSignal): Promise<void> {
  await docker(["pull", "--quiet", image], PULL_TIMEOUT_MS, signal);
}

/** The host's ports are ours alone, so a name made of one can't meet another checkout's. */
export function containerName(name: string, port: number): string {
  return `local-stack-${name}-${port}`;
}

export function runInContainer(container: string, args: string[]): Promise<string> {
  return docker(["exec", container, ...args], COMMAND_TIMEOUT_MS);
}

async function serverPid(container: string): Promise<number> {
  const pid = await docker(
    ["inspect", "-f", "{{.State.Pid}}", container],
    COMMAND_TIMEOUT_MS,
  ).catch(() => "0");
  return Number(pid.trim());
}

const dockerVerbs: Partial<Record<NodeJS.Signals, string[]>> = {
  SIGSTOP: ["pause"],
  SIGCONT: ["unpause"],
};

/** The container runs in the foreground: its end is the end of the `docker run` that we watch. */
export async function containerLaunch(launch: ContainerLaunch): Promise<ManagedProcess> {
  const { name, image, args = [], env = {}, volume, hostname, logFile } = launch;
  await docker(["rm", "-f", name], COMMAND_TIMEOUT_MS).catch(() => "");
  const options = [
    ["--rm", "--name", name, "--label", "local-stack", "--memory", SERVER_MEMORY],
    Object.entries(launch.ports).flatMap(([host, inside]) => [
      "-p",
      `${LOOPBACK}:${host}:${inside}`,
    ]),
    Object.entries(env).flatMap(([key, value]) => ["-e", `${key}=${value}`]),
    volume ? ["-v", `${volume.name}:${volume.path}`] : [],
    hostname ? ["--hostname", hostname] : [],
  ].flat();
  const client = await startProcess({
    command: "docker",
    args: ["run", ...options, image, ...args],
    cwd: process.cwd(),
    env: plainEnvironment(),
    logFile,
  });

  let pid = 0;
  await waitUntil(
    async () => {
      pid = await serverPid(name);
      return pid > 0 || client.hasExited();
    },
    { what: `the container ${name}`, timeoutMs: PULL_TIMEOUT_MS },
  );
  return {
    ...client,
    pid: pid || client.pid,
    async signal(signal) {
      const verb = dockerVerbs[signal] ?? ["kill", "--signal", signal];
      // A container that is gone already needs no signal; its exit is seen all the same.
      await docker([...verb, name], COMMAND_TIMEOUT_MS).catch(() => "");
    },
  };
}
