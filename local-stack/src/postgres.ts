import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { runServer } from "./define-server.ts";
import type { RunningServer } from "./running-server.ts";
import { findServer } from "./find-server.ts";
import { LOOPBACK, freePort } from "./ports.ts";
import {
  createCluster,
  postgresUser,
  POSTGRES_PASSWORD,
  POSTGRES_USER,
  reachableDataDir,
} from "./postgres-cluster.ts";
import { launchBinary, launchInContainer } from "./postgres-launch.ts";
import { psqlFor, type Psql } from "./postgres-psql.ts";
import { markReady } from "./ready-mark.ts";
import { postgresAnswers } from "./readiness.ts";
import type { ServerOptions } from "./server-options.ts";
import { chooseDataDir } from "./temporary-folder.ts";

const READY_TIMEOUT_MS = 60_000;

export interface PostgresOptions extends ServerOptions {
  /** Whether a commit survives a power cut. Tests don't need that, and are faster without. */
  durable?: boolean;
  databases?: string[];
}

export interface PostgresServer extends RunningServer {
  /** Where the data really is: elsewhere when the server's user can't enter the folder that was asked for. */
  readonly dataDir: string;
  readonly psql: Psql;
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
  const settings = Object.entries({ ...SETTINGS, ...(durable ? {} : NOT_DURABLE) });
  const flags = settings.flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const user = source.kind === "binary" ? postgresUser() : undefined;
  const wanted = await chooseDataDir(options.dataDir, name);
  const dataDir = await reachableDataDir(wanted.path, user);
  const keepData = options.dataDir !== undefined;
  if (dataDir !== wanted.path) {
    options.tell?.(
      `${name}: PostgreSQL's own user can't enter ${wanted.path}; its data is in ${dataDir}.`,
    );
  }

  const server = await runServer({
    name,
    port,
    url: `postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@${LOOPBACK}:${port}`,
    async launch() {
      const launch = { name, port, flags, logFile };
      if (source.kind === "docker") {
        return launchInContainer({ ...launch, image: source.image, dataDir, keepData });
      }
      await createCluster({ binary: source.path, dataDir, user, durable, signal });
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
  const postgres = Object.assign(server, { dataDir, psql: psqlFor(source, name, port) });
  try {
    await createDatabases(postgres, options.databases ?? []);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return postgres;
}

/** Makes those that are missing, and hands back the URL of each. */
export async function createDatabases(server: PostgresServer, names: string[]): Promise<string[]> {
  if (names.length > 0) {
    const there = await server.psql(["SELECT datname FROM pg_database"]);
    const missing = names.filter((name) => !there.split("\n").includes(name));
    const statements = missing.map((name) => `CREATE DATABASE "${name}" TEMPLATE template0`);
    if (statements.length > 0) await server.psql(statements);
  }
  return names.map((name) => `${server.url}/${name}`);
}
