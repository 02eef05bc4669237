import { ownerOf, urlFor, type PasswordOf } from "../servers/accounts.ts";
import type { LauncherConfig } from "../launcher/config.ts";
import { LOOPBACK } from "../processes/ports.ts";
import { compileCacheSettings, MEMORY_SETTINGS, type Addresses, type Program } from "./programs.ts";
import { userSettings, type ProgramVariables } from "./program-settings.ts";
import { SERVERS, type ServerName } from "../servers/server-table.ts";

export interface ProgramPlace {
  readonly checkout: string;
  readonly config: LauncherConfig;
  readonly variables: ProgramVariables;
  /** With the operator's account. */
  readonly addresses: Addresses;
  readonly passwordOf: PasswordOf;
}

/** Of the machine, and of Node itself. */
const SYSTEM_VARIABLES = [
  [
    "PATH",
    "HOME",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LANG",
    "LC_ALL",
    "TZ",
    "SystemRoot",
    "LD_LIBRARY_PATH",
  ],
  ["NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "MALLOC_ARENA_MAX"],
].flat();

/** What a program gets to see: its own variables and no others, so that no secret is where nobody needs it. */
export function programEnvironment(program: Program, place: ProgramPlace): NodeJS.ProcessEnv {
  const { config } = place;
  const ports = [{ ...program.port, passAs: "PORT" }, ...(program.morePorts ?? [])];
  return {
    ...baseEnvironment(program, place),
    HOST: LOOPBACK,
    ...Object.fromEntries(
      ports.map(({ variable, number, passAs }) => [
        passAs,
        `${config.programPorts[variable] ?? number}`,
      ]),
    ),
    ...program.env(addressesFor(program, place)),
  };
}

/** For making the tables. Nothing where the service does that itself: in a database that the user has given with one account only. */
export function migrationEnvironment(
  program: Program,
  place: ProgramPlace,
): NodeJS.ProcessEnv | undefined {
  const { account, database } = program;
  if (account === undefined || database === undefined) return undefined;
  const { addresses, config, passwordOf } = place;
  const url =
    config.serverUrls[database] === undefined
      ? urlFor(addresses.servers[database], ownerOf(account), passwordOf)
      : config.migrationUrls[database];
  if (!url) return undefined;
  return {
    ...baseEnvironment(program, place),
    DATABASE_URL: addressesFor(program, place).servers[database],
    MIGRATION_DATABASE_URL: url,
  };
}

function baseEnvironment(
  program: Program,
  { checkout, config, variables }: ProgramPlace,
): NodeJS.ProcessEnv {
  const { environment } = config;
  const ofSystem = SYSTEM_VARIABLES.map((name) => [name, environment[name]]);
  return {
    NODE_ENV: "production",
    ...compileCacheSettings(checkout),
    ...MEMORY_SETTINGS,
    ...program.defaults,
    ...Object.fromEntries(ofSystem.filter(([, value]) => value !== undefined)),
    ...userSettings(variables.get(program.name), environment),
  };
}

/** With the program's own account; a server that the user has given is used as it is. */
function addressesFor(
  { account }: Program,
  { addresses, config, passwordOf }: ProgramPlace,
): Addresses {
  if (account === undefined) return addresses;
  const names = Object.keys(SERVERS) as ServerName[];
  const urlOf = (name: ServerName): string => {
    const url = addresses.servers[name];
    return config.serverUrls[name] === undefined ? urlFor(url, account, passwordOf) : url;
  };
  return {
    ...addresses,
    servers: Object.fromEntries(names.map((name) => [name, urlOf(name)])) as Addresses["servers"],
  };
}
