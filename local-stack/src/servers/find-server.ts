import { accessSync, constants, existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { dockerAnswers } from "./docker.ts";

export type ServerKind = "postgres" | "redis" | "rabbitmq";

export type ServerSource = { kind: "binary"; path: string } | { kind: "docker"; image: string };

export const IMAGES: Record<ServerKind, string> = {
  postgres: "postgres:18-alpine",
  redis: "redis:8-alpine",
  rabbitmq: "rabbitmq:4-alpine",
};

const HOMEBREW = ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function foldersBelow(parent: string, prefix: string): string[] {
  if (!existsSync(parent)) return [];
  const newestFirst = (a: string, b: string) => b.localeCompare(a, "en", { numeric: true });
  const names = readdirSync(parent).filter((name) => name.startsWith(prefix));
  return names.toSorted(newestFirst).map((name) => join(parent, name));
}

function foldersOnPath(): string[] {
  return (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
}

const searchFolders: Record<ServerKind, () => string[]> = {
  postgres: () => [
    ...foldersOnPath(),
    ...foldersBelow("/usr/lib/postgresql", "").map((folder) => join(folder, "bin")),
    ...HOMEBREW.flatMap((home) => foldersBelow(join(home, "opt"), "postgresql")).map((folder) =>
      join(folder, "bin"),
    ),
  ],
  redis: () => [...foldersOnPath(), ...HOMEBREW.map((home) => join(home, "bin"))],
  // Debian's wrapper in /usr/sbin refuses ordinary users and takes no settings from its caller: it comes last.
  rabbitmq: () => [
    "/usr/lib/rabbitmq/bin",
    ...HOMEBREW.flatMap((home) => [join(home, "opt/rabbitmq/sbin"), join(home, "sbin")]),
    ...foldersOnPath(),
  ],
};

// A folder counts only when all of these are in it; of redis and valkey either will do.
const programs: Record<ServerKind, string[][]> = {
  postgres: [["postgres", "initdb"]],
  redis: [["redis-server"], ["valkey-server"]],
  rabbitmq: [["rabbitmq-server", "rabbitmqctl"]],
};

export function findErlangTool(name: string): string | null {
  const folders = [...foldersOnPath(), ...HOMEBREW.map((home) => join(home, "bin"))];
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

export function findOnPath(name: string): string | null {
  return (
    foldersOnPath()
      .map((folder) => join(folder, name))
      .find(isExecutable) ?? null
  );
}

export function findBinary(kind: ServerKind): string | null {
  if (process.platform === "win32") return null;
  if (kind === "rabbitmq" && findErlangTool("epmd") === null) return null;
  for (const folder of searchFolders[kind]()) {
    for (const group of programs[kind]) {
      const paths = group.map((program) => join(folder, program));
      if (paths.every(isExecutable)) return paths[0] ?? null;
    }
  }
  return null;
}

/** PostgreSQL's tools must be of the server's own version: they stand beside the real binary, not beside a link to it. */
export function siblingOf(binary: string, name: string): string {
  return join(dirname(realpathSync(binary)), name);
}

/** What can be run here without installing anything: a binary, else an image if a Docker Engine runs. */
export async function lookForServer(
  kind: ServerKind,
  signal?: AbortSignal,
): Promise<ServerSource | null> {
  const path = findBinary(kind);
  if (path !== null) return { kind: "binary", path };
  return (await dockerAnswers(signal)) ? { kind: "docker", image: IMAGES[kind] } : null;
}

export async function findServer(kind: ServerKind, signal?: AbortSignal): Promise<ServerSource> {
  const source = await lookForServer(kind, signal);
  if (source === null) throw new Error(`no ${kind} on this machine: npm start or npm test gets it`);
  return source;
}
