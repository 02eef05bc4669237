import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT } from "../terminal/checkout.ts";
import { urlOf } from "../servers/backing-servers.ts";
import type { Running } from "./bring-up.ts";
import { MANAGEMENT_PORT_VARIABLE, portVariables, serverUrlVariables } from "./config.ts";
import { STOPPED } from "../terminal/exit-codes.ts";
import type { KeptServer } from "../processes/keep-running.ts";
import { isAbandoned } from "./launcher-lock.ts";
import { launch } from "./launcher.ts";
import { endLeftovers } from "./leftovers.ts";
import { lastingPorts } from "../processes/ports.ts";
import { processesPath } from "./processes-file.ts";
import { PROGRAMS, type Program } from "../programs/programs.ts";
import { makeTemporaryFolder, temporaryPrefix } from "../processes/temporary-folder.ts";

const NAME = "system";

/** What the user's own system may have on, and would keep clients out here. */
const PROTECTION_VARIABLES = ["AUTH", "INTERNAL_TOKEN", "RATE_LIMIT"];

/** What runs, by name: gateway, product-service, product-db and so on. */
export interface OwnSystem {
  readonly running: Running;
  /** A file for each part, gone with the data. */
  readonly logFolder: string;
  url(name: string): string;
}

export interface OwnSystemOptions {
  /** Environment variables of the programs. */
  settings?: Record<string, string>;
  programs?: readonly Program[];
}

/**
 * The whole system, as npm start runs it, beside whatever else runs here: on servers, ports and data of its own, which are gone
 * when `work` is done. Hands back its exit code.
 */
export async function withOwnSystem(
  work: (system: OwnSystem, signal: AbortSignal) => Promise<number>,
  { settings = {}, programs = PROGRAMS }: OwnSystemOptions = {},
): Promise<number> {
  await endAbandoned();
  const stateFolder = await makeTemporaryFolder(NAME);
  try {
    return await launch({
      checkout: CHECKOUT,
      programs,
      stateFolder,
      whenStopped: STOPPED,
      env: { ...(await environment(programs)), ...settings },
      whileRunning: (running, signal) =>
        work(ownSystem(running, join(stateFolder, "logs")), signal),
    });
  } finally {
    await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** What one that was killed outright has left: its servers, its programs and their data. */
async function endAbandoned(): Promise<void> {
  const others = readdirSync(tmpdir()).filter((name) => name.startsWith(temporaryPrefix(NAME)));
  for (const other of others) {
    const folder = join(tmpdir(), other);
    if (!isAbandoned(folder)) continue;
    await endLeftovers(processesPath(folder));
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Nothing of a `.env` file, which is about the system that npm start runs. */
async function environment(programs: readonly Program[]): Promise<NodeJS.ProcessEnv> {
  const variables = portVariables(programs);
  const ports = await lastingPorts(variables.length);
  const env: NodeJS.ProcessEnv = { ...process.env };
  const notHandedOn = [...serverUrlVariables(), MANAGEMENT_PORT_VARIABLE, ...PROTECTION_VARIABLES];
  for (const variable of notHandedOn) delete env[variable];
  for (const [index, variable] of variables.entries()) env[variable] = `${ports[index]}`;
  return env;
}

function ownSystem(running: Running, logFolder: string): OwnSystem {
  return {
    running,
    logFolder,
    url: (name) => {
      const isIt = ({ server }: KeptServer) => server.name === name;
      const found = running.servers.find(isIt);
      if (found !== undefined) return urlOf(found.server);
      const program = running.programs.find(isIt);
      if (program === undefined) throw new Error(`there is no ${name}`);
      return program.server.url;
    },
  };
}
