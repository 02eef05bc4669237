import { join } from "node:path";
import {
  SERVICE_NAMES,
  SERVICES,
  serviceOf,
  type Service,
  type ServiceName,
} from "../../../shared-contracts/src/services.ts";
import { databaseOf, redisOf, type ServerName } from "../servers/server-table.ts";

/** Where everything is, for a program to find what it needs: with its own account, where it has one. */
export interface Addresses {
  servers: Record<ServerName, string>;
  /** Of every program by its name, e.g. http://127.0.0.1:3001. */
  programs: Record<string, string>;
}

export interface Program {
  name: string;
  /** Its account on the servers of its own, and on the broker; without one it has none. */
  account?: string;
  /** The database whose tables it needs: they are made before it starts, by the account that owns them. */
  database?: ServerName;
  /** Its workspace folder; `BUNDLE` in it is what runs. */
  folder: string;
  /** tsc's files run as they are: no wait for a bundle after each change, and files that can be patched one by one. */
  unbundled?: true;
  /** Workspaces whose code it runs as well: npm run dev restarts it when one of them changes. */
  dependsOn: string[];
  /** The port its URL has. */
  port: { variable: string; number: number };
  /** Further ports that it listens on. */
  morePorts?: { variable: string; number: number; passAs: string }[];
  /** Answers 200 when it is ready, and something else while it runs; /health/ready and /health/live unless it is another. */
  readyPath?: string;
  /** What it gets unless the user sets it. */
  defaults?: Record<string, string>;
  env(addresses: Addresses): Record<string, string>;
}

/** In a program's folder; its packages are in a file beside it. */
export const BUNDLE = join("dist", "program", "main.mjs");

export const unbundled = (program: Program): Program => ({ ...program, unbundled: true });

export const nodeArguments = (program?: Program): string[] => [
  "--enable-source-maps",
  program?.unbundled === true ? join("dist", "main.js") : BUNDLE,
];

/** Code that was compiled once is not compiled again: a program that died is back sooner. */
export const compileCacheSettings = (checkout: string): NodeJS.ProcessEnv => ({
  NODE_COMPILE_CACHE: join(checkout, "node_modules", ".cache", "compiled"),
});

/**
 * V8's limits, here as in the images. Left alone it collects as late as the machine's memory allows: a program with 45 MB of live
 * objects took 400. Old objects get half of what a container has. Young ones get so much that most of what a request holds is
 * garbage at its second collection, also with a hundred under way: what survives two counts as old, and is collected at a price.
 */
export const NODE_OPTIONS = "--max-old-space-size=256 --max-semi-space-size=16";

/** Against glibc's habit of a heap for each of Node's threads; Alpine's musl has one anyway. */
export const MEMORY_SETTINGS = { NODE_OPTIONS, MALLOC_ARENA_MAX: "1" };

/** In the order in which they are started; they are stopped in the reverse order. */
export const PROGRAMS: readonly Program[] = [
  ...SERVICE_NAMES.map(serviceProgram),
  {
    name: "gateway",
    folder: "gateway",
    dependsOn: ["shared-contracts", "service-kit"],
    port: { variable: "GATEWAY_PORT", number: 4000 },
    morePorts: [{ variable: "GATEWAY_ADMIN_PORT", number: 4100, passAs: "ADMIN_PORT" }],
    readyPath: "/health",
    // Not left to chance: it warns at its start.
    defaults: { AUTH: "off" },
    env: ({ programs }) => urlsOf(SERVICE_NAMES, programs),
  },
];

function serviceProgram(name: ServiceName): Program {
  const { port, calls = [] }: Service = SERVICES[name];
  const redis = redisOf(name);
  return {
    name,
    account: name,
    database: databaseOf(name),
    folder: name,
    dependsOn: ["shared-contracts", "service-kit"],
    port: { variable: `${name.toUpperCase().replaceAll("-", "_")}_PORT`, number: port },
    env: ({ servers, programs }) => ({
      DATABASE_URL: servers[databaseOf(name)],
      ...(redis !== undefined && { REDIS_URL: servers[redis] }),
      RABBITMQ_URL: servers.rabbitmq,
      ...urlsOf(calls, programs),
    }),
  };
}

const urlsOf = (services: readonly string[], programs: Addresses["programs"]) =>
  Object.fromEntries(services.map((name) => [serviceOf(name)!.urlsVariable, programs[name] ?? ""]));
