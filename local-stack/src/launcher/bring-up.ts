import { join } from "node:path";
import type { PasswordOf } from "../servers/accounts.ts";
import { startBackingServers } from "../servers/backing-servers.ts";
import { buildPrograms } from "../programs/build.ts";
import { givenServers, type LauncherConfig } from "./config.ts";
import type { ServerSource } from "../servers/find-server.ts";
import { getServers, type ServerSources } from "../servers/get-servers.ts";
import { keepRunning, type KeptServer } from "../processes/keep-running.ts";
import type { ProcessesFile } from "./processes-file.ts";
import {
  READY_PATH,
  defineProgram,
  portOf,
  programUrl,
  waitUntilReady,
} from "../programs/program-server.ts";
import type { ProgramVariables } from "../programs/program-settings.ts";
import type { Addresses, Program } from "../programs/programs.ts";
import { say, seconds } from "../terminal/say.ts";
import { SERVER_NAMES, SERVERS } from "../servers/server-table.ts";
import { reachGivenServers } from "../servers/reach-given-servers.ts";
import { together } from "../processes/together.ts";

/** What runs so far, for whoever has to end it, however far this got. */
export interface Running {
  servers: KeptServer[];
  programs: KeptServer[];
  list: ProcessesFile;
}

export interface BringUp {
  checkout: string;
  programs: readonly Program[];
  config: LauncherConfig;
  variables: ProgramVariables;
  stateFolder: string;
  running: Running;
  passwordOf: PasswordOf;
  signal: AbortSignal;
}

/** The servers and the build together, then the programs, until all of them are ready. Hands back the programs' URLs. */
export async function bringUp(up: BringUp): Promise<Record<string, string>> {
  const { checkout, programs, config, signal } = up;
  await reachGivenServers(givenServers(config), signal);
  const [servers] = await together(signal, [
    (either) => startServers({ ...up, signal: either }),
    async (either) => {
      const startedAt = Date.now();
      await buildPrograms(checkout, programs, either);
      say(`Built (${seconds(startedAt)}).`);
      return undefined;
    },
  ]);
  if (servers === undefined) throw new Error("the servers did not start");

  const urls = programs.map((program) => [program.name, programUrl(portOf(program, config))]);
  const addresses = { servers, programs: Object.fromEntries(urls) as Record<string, string> };
  await startPrograms(up, addresses);
  return addresses.programs;
}

async function startPrograms(up: BringUp, addresses: Addresses): Promise<void> {
  const { checkout, programs, config, variables, stateFolder, running, signal } = up;
  say(`Starting ${programs.map(({ name }) => name).join(", ")}.`);
  const context = {
    checkout,
    config,
    variables,
    addresses,
    passwordOf: up.passwordOf,
    logFolder: join(stateFolder, "logs"),
    onLaunch: running.list.set,
  };
  await together(
    signal,
    programs.map((program) => async (either) => {
      const startedAt = Date.now();
      const server = defineProgram(program, { ...context, signal: either });
      running.programs.push(keepRunning(server));
      await server.restart();
      await waitUntilReady(server, program.readyPath ?? READY_PATH, either);
      say(`${program.name} is ready (${seconds(startedAt)}).`);
    }),
  );
}

async function startServers(up: BringUp): Promise<Addresses["servers"]> {
  const { config, stateFolder, running, signal } = up;
  const names = SERVER_NAMES.filter((name) => config.serverUrls[name] === undefined);
  const sources = await getServers([...new Set(names.map((name) => SERVERS[name].kind))], signal);
  if (names.length > 0) say(`Starting ${names.join(", ")} (${describeSources(sources)}).`);
  const startedAt = Date.now();
  const { urls } = await startBackingServers({
    dataFolder: join(stateFolder, "data"),
    logFolder: join(stateFolder, "logs"),
    ports: config.serverPorts,
    urls: config.serverUrls,
    passwordOf: up.passwordOf,
    sources,
    durable: true,
    tell: say,
    signal,
    onLaunch: running.list.set,
    onReady(server) {
      running.servers.push(keepRunning(server));
      say(`${server.name} is ready (${seconds(startedAt)}).`);
    },
  });
  return urls;
}

function describeSources(sources: ServerSources): string {
  const where = (source: ServerSource) => (source.kind === "binary" ? source.path : source.image);
  return Object.values(sources).map(where).join(", ");
}
