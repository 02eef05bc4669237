import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT } from "../../local-stack/src/terminal/checkout.ts";
import { runCommand } from "../../local-stack/src/processes/run-command.ts";

const COMMAND_TIMEOUT_MS = 60_000;

const COMPOSE_FILE = join(CHECKOUT, "docker-compose.yml");

export interface Binding {
  HostIp: string;
  HostPort: string;
}

type Bindings = Record<string, Binding[] | null>;

/** What is asked about a container, of all that `docker inspect` says. */
export interface Container {
  Id: string;
  RestartCount: number;
  Image: string;
  State: { Status: string; ExitCode: number; StartedAt: string; Health?: { Status: string } };
  Config: { Labels: Record<string, string> };
  HostConfig: { ReadonlyRootfs: boolean; PortBindings: Bindings | null };
  NetworkSettings: { Ports: Bindings };
}

export interface ComposeProject {
  readonly name: string;
  compose(args: readonly string[], timeoutMs?: number): Promise<string>;
  docker(args: readonly string[]): Promise<string>;
  /** By the service's name; also those that have ended. */
  containers(): Promise<Map<string, Container>>;
  /** With all that belongs to it: containers, networks, volumes and built images. */
  remove(): Promise<void>;
}

/** The names of the variables that a compose file takes from its environment. */
const variablesOf = (composeFile: string): Set<string> =>
  new Set([...composeFile.matchAll(/\$\{(\w+)/g)].map(([, name = ""]) => name));

/**
 * The repository's own compose file, under a project of its own and with nothing set but what is given here: neither the
 * user's .env nor the shell's variables get in.
 */
export async function openProject(
  name: string,
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ComposeProject> {
  const folder = await mkdtemp(join(tmpdir(), "shop-compose-"));
  const envFile = join(folder, ".env");
  await writeFile(
    envFile,
    Object.entries(variables).map(([key, value]) => `${key}=${value}\n`),
  );

  const taken = variablesOf(await readFile(COMPOSE_FILE, "utf8"));
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !taken.has(key) && !key.startsWith("COMPOSE_")),
  );
  const flags = ["compose", "--file", COMPOSE_FILE, "--env-file", envFile, "--project-name", name];
  const run = (args: readonly string[], timeoutMs: number, until?: AbortSignal) =>
    runCommand({ command: "docker", args, env, timeoutMs, signal: until });

  const docker = (args: readonly string[]) => run(args, COMMAND_TIMEOUT_MS, signal);
  return {
    name,
    docker,
    compose: (args, timeoutMs = COMMAND_TIMEOUT_MS) => run([...flags, ...args], timeoutMs, signal),
    async containers() {
      const label = `label=com.docker.compose.project=${name}`;
      const ids = await docker(["ps", "--all", "--quiet", "--no-trunc", "--filter", label]);
      if (ids.trim() === "") return new Map();
      const described = await docker(["inspect", ...ids.trim().split("\n")]);
      return new Map(
        (JSON.parse(described) as Container[]).map((container) => [
          container.Config.Labels["com.docker.compose.service"] ?? "",
          container,
        ]),
      );
    },
    async remove() {
      // Whatever stopped the proof must not stop this as well.
      const all = ["down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "10"];
      await run([...flags, "--profile", "*", ...all], 2 * COMMAND_TIMEOUT_MS);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
