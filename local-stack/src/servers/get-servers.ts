import { aptPackages, canInstallWithApt, installWithApt } from "./apt-install.ts";
import { imageIsHere, pullImage } from "./docker.ts";
import { lookForServer, type ServerKind, type ServerSource } from "./find-server.ts";
import { say } from "../terminal/say.ts";

export type ServerSources = Partial<Record<ServerKind, ServerSource>>;

export const PRODUCT_NAMES: Record<ServerKind, string> = {
  postgres: "PostgreSQL",
  redis: "Redis",
  rabbitmq: "RabbitMQ",
};

/** Each of them by what fits first: a program on this machine, a Docker Engine, apt-get. */
export async function getServers(
  kinds: readonly ServerKind[],
  signal?: AbortSignal,
): Promise<ServerSources> {
  const missing: ServerKind[] = [];
  for (const kind of kinds) {
    if ((await lookForServer(kind, signal)) === null) missing.push(kind);
  }
  if (missing.length > 0) {
    if (!canInstallWithApt()) throw new Error(howToGet(missing));
    await installWithApt(missing, signal);
  }
  const found: ServerSources = {};
  for (const kind of kinds) {
    const source = await lookForServer(kind, signal);
    if (source === null) throw new Error(howToGet([kind]));
    if (source.kind === "docker") await fetchImage(source.image, signal);
    found[kind] = source;
  }
  return found;
}

async function fetchImage(image: string, signal?: AbortSignal): Promise<void> {
  if (await imageIsHere(image, signal)) return;
  say(`Pulling the Docker image ${image}.`);
  await pullImage(image, signal);
}

function howToGet(missing: readonly ServerKind[]): string {
  const names = missing.map((kind) => PRODUCT_NAMES[kind]).join(", ");
  return `Not found on this machine: ${names}.\n${installHint(missing)}\nOr start Docker and try again.`;
}

function installHint(missing: readonly ServerKind[]): string {
  if (process.platform === "win32")
    return "Start Docker Desktop: on Windows the servers run in it.";
  if (process.platform === "darwin") {
    const formulas = { postgres: "postgresql@18", redis: "redis", rabbitmq: "rabbitmq" };
    return `Run: brew install ${missing.map((kind) => formulas[kind]).join(" ")}`;
  }
  return `Run: sudo apt-get install ${aptPackages(missing).join(" ")}   (or your system's packages of that name)`;
}
