import { plainEnvironment, runCommand } from "../processes/run-command.ts";

const ENGINE_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;
const PULL_TIMEOUT_MS = 600_000;

export function docker(
  args: string[],
  timeoutMs = COMMAND_TIMEOUT_MS,
  signal?: AbortSignal,
): Promise<string> {
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
  return docker(["exec", container, ...args]);
}

/** By name: docker takes the values from its own environment, since its arguments can be read by everybody on this machine. */
export const environmentFlags = (env: Record<string, string>) =>
  Object.keys(env).flatMap((key) => ["-e", key]);

export async function serverPid(container: string): Promise<number> {
  const pid = await docker(["inspect", "-f", "{{.State.Pid}}", container]).catch(() => "0");
  return Number(pid.trim());
}

export async function removeContainer(name: string): Promise<void> {
  await docker(["rm", "-f", name]).catch(() => "");
}
