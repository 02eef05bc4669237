import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { OPERATOR, temporaryPasswords } from "./accounts.ts";
import { runServer } from "../processes/define-server.ts";
import type { RunningServer } from "../processes/running-server.ts";
import { findServer } from "./find-server.ts";
import { LOOPBACK, freePort } from "../processes/ports.ts";
import {
  createCluster,
  isOfEarlierVersion,
  keepPassword,
  passwordOfCluster,
  postgresUser,
  reachableDataDir,
} from "./postgres-cluster.ts";
import { launchBinary, launchInContainer } from "./postgres-launch.ts";
import { adoptEarlierData, createDatabases, type NewDatabase } from "./postgres-databases.ts";
import { markReady } from "./ready-mark.ts";
import { postgresAnswers } from "./readiness.ts";
import type { ServerOptions } from "./server-options.ts";
import { chooseDataDir } from "../processes/temporary-folder.ts";

const READY_TIMEOUT_MS = 60_000;

export interface PostgresOptions extends ServerOptions {
  /** Whether a commit survives a power cut. Tests don't need that, and are faster without. */
  durable?: boolean;
  databases?: readonly NewDatabase[];
  /** Further settings of the server. */
  settings?: Record<string, string>;
}

export interface PostgresServer extends RunningServer {
  /** Where the data really is: elsewhere when the server's user can't enter the folder that was asked for. */
  readonly dataDir: string;
}

const SETTINGS: Record<string, string> = {
  max_connections: "300",
  shared_buffers: "128MB",
  // Outbox and orders change all the time: small, frequent clean-ups instead of rare and long ones.
  autovacuum_naptime: "15s",
  autovacuum_vacuum_scale_factor: "0.05",
  // Compiling pays for minute-long reports only; for our statements it is a delay now and then.
  jit: "off",
  log_checkpoints: "off",
};
const NOT_DURABLE = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

// After a kill -9 its backends hold the shared memory until each has noticed: a moment later it starts.
const ORPHANS_ALIVE = /pre-existing shared memory block|lock file "postmaster\.pid" already exists/;

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { durable = false, name = "postgres", signal, logFile } = options;
  const source = options.source ?? (await findServer("postgres", signal));
  const port = options.port ?? (await freePort());
  const settings = Object.entries({
    ...SETTINGS,
    ...(durable ? {} : NOT_DURABLE),
    ...options.settings,
  });
  const flags = settings.flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const user = source.kind === "binary" ? postgresUser() : undefined;
  const wanted = await chooseDataDir(options.dataDir, name);
  const dataDir = await reachableDataDir(wanted.path, user);
  const keepData = options.dataDir !== undefined;
  const passwordOf = options.passwordOf ?? temporaryPasswords();
  const earlier = source.kind === "binary" && isOfEarlierVersion(dataDir);
  const password = (await passwordOfCluster(dataDir)) ?? passwordOf(OPERATOR);
  if (dataDir !== wanted.path) {
    options.tell?.(
      `${name}: PostgreSQL's own user can't enter ${wanted.path}; its data is in ${dataDir}.`,
    );
  }

  const server = await runServer({
    name,
    port,
    url: `postgres://${OPERATOR}:${password}@${LOOPBACK}:${port}`,
    async launch() {
      const launch = { name, port, flags, logFile, password };
      if (source.kind === "docker") {
        return launchInContainer({ ...launch, image: source.image, dataDir, keepData });
      }
      await createCluster({ binary: source.path, dataDir, user, durable, password, signal });
      return launchBinary({ ...launch, binary: source.path, dataDir, user });
    },
    isReady: () => postgresAnswers(port),
    async onReady() {
      // On this machine the data is moved to its place when it is whole, and needs no mark.
      if (source.kind === "docker") await markReady(dataDir);
    },
    failsForNow: (output) => ORPHANS_ALIVE.test(output),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGINT",
    async cleanUp() {
      await wanted.remove();
      if (!keepData) await rm(dirname(dataDir), { recursive: true, force: true });
    },
    onLaunch: options.onLaunch,
    signal,
  });
  try {
    const make = earlier ? adoptEarlierData : createDatabases;
    await make(server.url, options.databases ?? [], passwordOf);
    if (earlier) await keepPassword(dataDir, password);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return Object.assign(server, { dataDir });
}
