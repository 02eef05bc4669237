import type { Program } from "../programs/programs.ts";
import {
  migrationUrlVariable,
  SERVER_NAMES,
  SERVERS,
  type ServerName,
} from "../servers/server-table.ts";

/** Beside those of the servers themselves. */
const RABBITMQ_PORTS = {
  distribution: ["RABBITMQ_DIST_PORT", 21_673],
  epmd: ["RABBITMQ_EPMD_PORT", 21_369],
} as const;

export type PortUse = ServerName | "distribution" | "epmd" | "management";

export interface ClaimedPort {
  variable: string;
  port: number;
  whose: string;
}

export interface LauncherConfig {
  serverPorts: Partial<Record<PortUse, number>>;
  /** Servers that somebody else runs. */
  serverUrls: Partial<Record<ServerName, string>>;
  /** The accounts that own the tables of those databases. */
  migrationUrls: Partial<Record<ServerName, string>>;
  /** The programs' ports by the variable that moves each. */
  programPorts: Record<string, number>;
  /** Every port that will be listened on, with the variable that moves it. */
  claimedPorts: ClaimedPort[];
  /** Handed on to the programs, for the settings that are theirs alone. */
  environment: NodeJS.ProcessEnv;
  showEvents: boolean;
  showAllLogs: boolean;
}

/** The variables that move every port there is, and those that would put somebody else's server in the place of ours. */
export const portVariables = (programs: readonly Program[]): string[] => [
  ...[...Object.values(SERVERS).map(({ port }) => port), ...Object.values(RABBITMQ_PORTS)].map(
    ([variable]) => variable,
  ),
  ...programs.flatMap(({ port, morePorts = [] }) =>
    [port, ...morePorts].map((one) => one.variable),
  ),
];
export const serverUrlVariables = (): string[] =>
  SERVER_NAMES.flatMap((name) => [
    SERVERS[name].urlVariable,
    ...(SERVERS[name].database === undefined ? [] : [migrationUrlVariable(name)]),
  ]);

/** RabbitMQ's management page; off unless it is set. */
export const MANAGEMENT_PORT_VARIABLE = "RABBITMQ_MANAGEMENT_PORT";

/** Moves every port that has no variable of its own set. */
const PORT_OFFSET_VARIABLE = "PORT_OFFSET";
const LARGEST_OFFSET = 40_000;

export function readConfig(
  env: NodeJS.ProcessEnv,
  programs: readonly Program[],
): Readonly<LauncherConfig> {
  const wrong: string[] = [];
  const claimedPorts: ClaimedPort[] = [];

  const offset = Number(env[PORT_OFFSET_VARIABLE] || 0);
  if (!Number.isInteger(offset) || offset < 0 || offset > LARGEST_OFFSET) {
    const given = env[PORT_OFFSET_VARIABLE];
    wrong.push(
      `${PORT_OFFSET_VARIABLE} must be a number from 0 to ${LARGEST_OFFSET}, not "${given}"`,
    );
  }
  const claim = (whose: string, variable: string, fallback: number | undefined) => {
    const given = env[variable];
    if (!given && fallback === undefined) return undefined;
    const port = given ? Number(given) : Number(fallback) + offset;
    if (given && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
      wrong.push(`${variable} must be a port from 1 to 65535, not "${given}"`);
    }
    claimedPorts.push({ variable, port, whose });
    return port;
  };

  const readUrl = (variable: string): string | undefined => {
    const url = env[variable];
    if (url && !URL.canParse(url)) wrong.push(`${variable} is not a URL`);
    return url;
  };

  const serverUrls: LauncherConfig["serverUrls"] = {};
  const migrationUrls: LauncherConfig["migrationUrls"] = {};
  const serverPorts: LauncherConfig["serverPorts"] = {};
  for (const name of SERVER_NAMES) {
    const { port, urlVariable, database } = SERVERS[name];
    const url = readUrl(urlVariable);
    if (url) serverUrls[name] = url;
    else serverPorts[name] = claim(name, ...port);
    const migrationUrl = database === undefined ? undefined : readUrl(migrationUrlVariable(name));
    if (migrationUrl) migrationUrls[name] = migrationUrl;
  }
  if (serverUrls.rabbitmq === undefined) {
    serverPorts.distribution = claim("rabbitmq", ...RABBITMQ_PORTS.distribution);
    serverPorts.epmd = claim("rabbitmq", ...RABBITMQ_PORTS.epmd);
    serverPorts.management = claim("rabbitmq", MANAGEMENT_PORT_VARIABLE, undefined);
  }
  const programPorts: Record<string, number> = {};
  for (const { name, port, morePorts = [] } of programs) {
    for (const { variable, number } of [port, ...morePorts]) {
      programPorts[variable] = claim(name, variable, number) ?? number;
    }
  }

  wrong.push(...claimedTwice(claimedPorts));
  if (wrong.length > 0) throw new Error(`The settings can't be used:\n  ${wrong.join("\n  ")}`);
  return Object.freeze({
    serverPorts,
    serverUrls,
    migrationUrls,
    programPorts,
    claimedPorts,
    environment: env,
    showEvents: env["LOG_EVENTS"] === "true",
    showAllLogs: Boolean(env["LOG_LEVEL"]),
  });
}

function claimedTwice(claims: ClaimedPort[]): string[] {
  return claims.flatMap(({ variable, port }, index) => {
    const first = claims.findIndex((claim) => claim.port === port);
    const other = claims[first];
    return first < index && other ? [`${other.variable} and ${variable} are both ${port}`] : [];
  });
}
