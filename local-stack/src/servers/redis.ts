import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OPERATOR, temporaryPasswords } from "./accounts.ts";
import { runServer } from "../processes/define-server.ts";
import type { RunningServer } from "../processes/running-server.ts";
import { containerLaunch } from "./container.ts";
import { containerName } from "./docker.ts";
import { findServer } from "./find-server.ts";
import { startProcess } from "../processes/managed-process.ts";
import { LOOPBACK, freePort } from "../processes/ports.ts";
import { redisAnswers } from "./readiness.ts";
import { redisUserLines, type RedisUser } from "./redis-users.ts";
import { plainEnvironment } from "../processes/run-command.ts";
import type { ServerOptions } from "./server-options.ts";
import { chooseDataDir, makePrivateFolder } from "../processes/temporary-folder.ts";

const READY_TIMEOUT_MS = 20_000;
const DOCKER_PORT = 6379;
const DOCKER_CONFIG = "/etc/redis.conf";

// A cache only: nothing on disk, bounded memory. 64 databases, so that each test file can have its own.
const SETTINGS = [
  'save ""',
  "appendonly no",
  "maxmemory 64mb",
  "maxmemory-policy allkeys-lru",
  "databases 64",
  "loglevel warning",
];

export interface RedisOptions extends ServerOptions {
  users?: readonly RedisUser[];
  /** Further lines of its configuration. */
  settings?: readonly string[];
}

export async function startRedis(options: RedisOptions = {}): Promise<RunningServer> {
  const { name = "redis", logFile, signal, users = [], settings = [] } = options;
  const source = options.source ?? (await findServer("redis", signal));
  const port = options.port ?? (await freePort());
  const passwordOf = options.passwordOf ?? temporaryPasswords();
  const data = await chooseDataDir(options.dataDir, name);
  await makePrivateFolder(data.path);
  const where =
    source.kind === "docker"
      ? ["protected-mode no"]
      : [`port ${port}`, `bind ${LOOPBACK}`, `dir "${data.path}"`];
  const config = join(data.path, "redis.conf");
  // Not on the command line, which everybody on this machine can read. A container's server is another user: the folder keeps others out.
  const lines = [...where, ...SETTINGS, ...redisUserLines(users, passwordOf), ...settings];
  await writeFile(config, `${lines.join("\n")}\n`);

  return runServer({
    name,
    port,
    url: `redis://${OPERATOR}:${passwordOf(OPERATOR)}@${LOOPBACK}:${port}`,
    launch: () =>
      source.kind === "docker"
        ? containerLaunch({
            name: containerName(name, port),
            image: source.image,
            ports: { [port]: DOCKER_PORT },
            files: { [config]: DOCKER_CONFIG },
            args: ["redis-server", DOCKER_CONFIG],
            logFile,
          })
        : startProcess({
            command: source.path,
            args: [config],
            cwd: data.path,
            env: plainEnvironment(),
            logFile,
          }),
    isReady: () => redisAnswers(port),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    cleanUp: data.remove,
    onLaunch: options.onLaunch,
    signal,
  });
}
