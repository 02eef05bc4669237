import { mkdir } from "node:fs/promises";
import { runServer } from "./define-server.ts";
import type { RunningServer } from "./running-server.ts";
import { containerLaunch } from "./container.ts";
import { containerName } from "./docker.ts";
import { findServer, type ServerSource } from "./find-server.ts";
import { startProcess, type ManagedProcess } from "./managed-process.ts";
import { LOOPBACK, freePort } from "./ports.ts";
import { redisAnswers } from "./readiness.ts";
import { plainEnvironment, type ServerOptions } from "./server-options.ts";
import { chooseDataDir } from "./temporary-folder.ts";

const READY_TIMEOUT_MS = 20_000;

// A cache only: nothing on disk, bounded memory. 64 databases, so that each test file can have its own.
const SETTINGS = [
  ["--save", ""],
  ["--appendonly", "no"],
  ["--maxmemory", "64mb"],
  ["--maxmemory-policy", "allkeys-lru"],
  ["--databases", "64"],
].flat();

export async function startRedis(options: ServerOptions = {}): Promise<RunningServer> {
  const source = options.source ?? (await findServer("redis", options.signal));
  const port = options.port ?? (await freePort());
  const name = options.name ?? "redis";
  const data = await chooseDataDir(options.dataDir, name);
  await mkdir(data.path, { recursive: true });

  return runServer({
    name,
    port,
    url: `redis://${LOOPBACK}:${port}`,
    launch: () => launchRedis(source, { ...options, name, port, dataDir: data.path }),
    isReady: () => redisAnswers(port),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    cleanUp: data.remove,
    onLaunch: options.onLaunch,
    signal: options.signal,
  });
}

function launchRedis(
  source: ServerSource,
  { name, port, dataDir, logFile }: ServerOptions & { name: string; port: number; dataDir: string },
): Promise<ManagedProcess> {
  if (source.kind === "docker") {
    const args = ["redis-server", ...SETTINGS, "--protected-mode", "no"];
    return containerLaunch({
      name: containerName(name, port),
      image: source.image,
      ports: { [port]: 6379 },
      args,
      logFile,
    });
  }
  const where = ["--port", `${port}`, "--bind", LOOPBACK, "--dir", dataDir];
  return startProcess({
    command: source.path,
    args: [...where, ...SETTINGS, "--daemonize", "no", "--loglevel", "warning"],
    cwd: dataDir,
    env: plainEnvironment(),
    logFile,
  });
}
