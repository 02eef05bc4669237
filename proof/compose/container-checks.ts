import { waitUntil } from "../../local-stack/src/processes/wait-until.ts";
import type { Binding, ComposeProject, Container } from "./compose.ts";

const HEAL_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
/** The most that one program may take to finish what it has begun. */
const GRACE_MS = 10_000;

/** The service's own processes: what init has started in the container. */
const CHILDREN = "$(cat /proc/1/task/1/children)";

export function same(seen: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}

/** What is published, and what would be if the container were on another network than an internal one. */
export const publishedPorts = (containers: ReadonlyMap<string, Container>): string[] => {
  const all = [...containers.values()].flatMap(({ NetworkSettings, HostConfig }) =>
    [NetworkSettings.Ports, HostConfig.PortBindings ?? {}].flatMap(
      Object.entries<Binding[] | null>,
    ),
  );
  const lines = all.flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${port}`),
  );
  return [...new Set(lines)].toSorted();
};

async function containerOf(project: ComposeProject, service: string): Promise<Container> {
  const container = (await project.containers()).get(service);
  if (container === undefined) throw new Error(`${service} has no container`);
  return container;
}

async function inShell(project: ComposeProject, service: string, script: string): Promise<string> {
  const { Id } = await containerOf(project, service);
  return project.docker(["exec", Id, "sh", "-c", script]);
}

export async function expectNotRoot(project: ComposeProject, service: string): Promise<void> {
  const script = `for pid in ${CHILDREN}; do grep ^Uid: /proc/$pid/status; done`;
  const lines = (await inShell(project, service, script)).trim().split("\n");
  const users = lines.map((line) => Number(line.split("\t")[1]));
  if (!users.every((user) => user > 0)) throw new Error(`user ids of ${service}: ${lines.join()}`);
}

/** What a server says while it starts is no failure. Looked at before anything is killed, which brings such lines of its own. */
const WHILE_STARTING = /the database system is (?:starting up|not yet accepting connections)/;

export function fatalLines(logs: string): string[] {
  const lines = logs.split("\n").filter((line) => /\bFATAL\b/.test(line));
  return lines.filter((line) => !WHILE_STARTING.test(line));
}

export async function expectNoFatalLines(
  project: ComposeProject,
  servers: readonly string[],
): Promise<void> {
  const lines = fatalLines(await project.compose(["logs", "--no-color", ...servers]));
  if (lines.length > 0) throw new Error(`${lines.length} lines, the first: ${lines[0]}`);
}

export async function expectReadOnly(project: ComposeProject, service: string): Promise<void> {
  const { HostConfig } = await containerOf(project, service);
  if (!HostConfig.ReadonlyRootfs) throw new Error(`${service} has no read-only root file system`);
  const said = await inShell(project, service, "touch /app/x /home/node/x 2>&1 || true");
  if (said.split("Read-only file system").length !== 3) throw new Error(`it wrote: ${said}`);
}

/**
 * From inside: an engine takes `docker kill` for the user's wish, and does not restart what was ended by it. Init itself
 * can't be killed from there, but ends when its child does.
 */
export async function killAndWait(
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<string> {
  const before = await containerOf(project, service);
  const killedAt = Date.now();
  // The shell may be gone before it can say that it was successful.
  await inShell(project, service, `kill -KILL ${CHILDREN}`).catch(() => "");
  await waitUntil(
    async () => {
      const { RestartCount, State } = await containerOf(project, service);
      return RestartCount > before.RestartCount && State.Health?.Status === "healthy";
    },
    { what: `${service} restarted and healthy`, timeoutMs: HEAL_TIMEOUT_MS, signal },
  );
  return `healthy after ${((Date.now() - killedAt) / 1000).toFixed(1)} s`;
}

/** By SIGTERM, which has to reach the program itself. */
export async function stopInOrder(
  project: ComposeProject,
  services: readonly string[],
): Promise<string> {
  const startedAt = Date.now();
  await project.compose(["stop", ...services], STOP_TIMEOUT_MS);
  const tookMs = Date.now() - startedAt;
  for (const service of services) {
    const { State } = await containerOf(project, service);
    same([service, State.Status, State.ExitCode], [service, "exited", 0]);
  }
  // One after the other, since the gateway depends on the services: each has its own grace.
  if (tookMs > 2 * GRACE_MS) throw new Error(`it took ${tookMs} ms`);
  return "exit 0 each";
}

export async function imageSizes(
  project: ComposeProject,
  services: readonly string[],
): Promise<string> {
  const containers = await project.containers();
  const sizes = services.map(async (service) => {
    const image = containers.get(service)?.Image ?? "";
    const bytes = await project.docker(["image", "inspect", "--format", "{{.Size}}", image]);
    return `${service} ${Math.round(Number(bytes) / 1e6)} MB`;
  });
  return (await Promise.all(sizes)).join(", ");
}

export async function memory(
  project: ComposeProject,
  services: readonly string[],
): Promise<string> {
  const containers = await project.containers();
  const uses = services.map(async (service) => {
    const format = ["--no-stream", "--format", "{{.MemUsage}}"];
    const use = await project.docker(["stats", ...format, containers.get(service)?.Id ?? ""]);
    return `${service} ${use.trim()}`;
  });
  return (await Promise.all(uses)).join(", ");
}
