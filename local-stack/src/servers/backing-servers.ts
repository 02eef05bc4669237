import { join } from "node:path";
import { SERVICE_NAMES } from "../../../shared-contracts/src/services.ts";
import type { PasswordOf } from "./accounts.ts";
import type { ServerKind } from "./find-server.ts";
import type { ServerSources } from "./get-servers.ts";
import { startPostgres } from "./postgres.ts";
import { startRabbitmq } from "./rabbitmq.ts";
import { startRedis } from "./redis.ts";
import type { LaunchedServer, RunningServer } from "../processes/running-server.ts";
import type { ServerOptions } from "./server-options.ts";
import { SERVER_NAMES, SERVERS, type ServerEntry, type ServerName } from "./server-table.ts";
import { together } from "../processes/together.ts";

export interface BackingServersOptions {
  /** Each server's data is in a folder of its name below it; without it all data is temporary. */
  dataFolder?: string;
  logFolder?: string;
  /** A server without a port gets a free one. */
  ports?: Partial<Record<ServerName | "distribution" | "epmd" | "management", number>>;
  /** Servers that run already, somewhere: they are used, and not started. */
  urls?: Partial<Record<ServerName, string>>;
  sources?: ServerSources;
  durable?: boolean;
  passwordOf?: PasswordOf;
  tell?: (line: string) => void;
  signal?: AbortSignal;
  onLaunch?: (launched: LaunchedServer) => void;
  /** Called for each server as soon as it is ready, while others are still starting. */
  onReady?: (server: RunningServer) => void;
}

export interface BackingServers {
  /** Those that were started here. */
  servers: RunningServer[];
  urls: Record<ServerName, string>;
  stop(): Promise<void>;
}

type Starter = (options: ServerOptions, entry: ServerEntry) => Promise<RunningServer>;

export async function startBackingServers(
  options: BackingServersOptions = {},
): Promise<BackingServers> {
  const { ports = {}, urls = {}, sources = {}, durable = false } = options;
  const starters: Record<ServerKind, Starter> = {
    postgres: (common, { database, service }) =>
      startPostgres({
        ...common,
        source: sources.postgres,
        durable,
        databases: database === undefined ? [] : [{ name: database, service }],
      }),
    redis: (common, { service, keys = [] }) =>
      startRedis({
        ...common,
        source: sources.redis,
        users: service === undefined ? [] : [{ name: service, keys }],
      }),
    rabbitmq: (common) =>
      startRabbitmq({
        ...common,
        source: sources.rabbitmq,
        services: SERVICE_NAMES,
        ...(ports.distribution !== undefined && { distributionPort: ports.distribution }),
        ...(ports.epmd !== undefined && { epmdPort: ports.epmd }),
        ...(ports.management !== undefined && { managementPort: ports.management }),
      }),
  };

  const servers: RunningServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const wanted = SERVER_NAMES.filter((name) => urls[name] === undefined);
  const tasks = wanted.map((name) => async (signal: AbortSignal) => {
    const entry = SERVERS[name];
    const server = await starters[entry.kind]({ ...commonOptions(options, name), signal }, entry);
    servers.push(server);
    options.onReady?.(server);
  });
  try {
    await together(options.signal, tasks);
  } catch (error) {
    await stop();
    throw error;
  }
  const started = servers.map((server) => [server.name, urlOf(server)]);
  return { servers, urls: { ...Object.fromEntries(started), ...urls }, stop };
}

/** The operator's. A PostgreSQL's URL names the database that it is for. */
export function urlOf({ name, url }: LaunchedServer): string {
  const { database } = SERVERS[name as ServerName];
  return database === undefined ? url : `${url}/${database}`;
}

function commonOptions(options: BackingServersOptions, name: ServerName): ServerOptions {
  const { dataFolder, logFolder, ports = {}, onLaunch } = options;
  const port = ports[name];
  return {
    name,
    tell: options.tell,
    passwordOf: options.passwordOf,
    ...(port !== undefined && { port }),
    ...(dataFolder !== undefined && { dataDir: join(dataFolder, name) }),
    ...(logFolder !== undefined && { logFile: join(logFolder, `${name}.log`) }),
    ...(onLaunch && {
      onLaunch: (launched: LaunchedServer) => onLaunch({ ...launched, url: urlOf(launched) }),
    }),
  };
}
