import { SERVER_NAMES, type ServerName } from "./backing-servers.ts";
import type { Program } from "./programs.ts";

/** Never the servers' usual ports, and below those that systems hand out to outgoing connections. */
const SERVER_PORTS: Record<ServerName | "distribution" | "epmd", [variable: string, port: number]> =
  {
    "product-db": ["PRODUCT_DB_PORT", 21_432],
    "order-db": ["ORDER_DB_PORT", 21_433],
    "product-redis": ["PRODUCT_REDIS_PORT", 21_379],
    "order-redis": ["ORDER_REDIS_PORT", 21_380],
    rabbitmq: ["RABBITMQ_PORT", 21_672],
    distribution: ["RABBITMQ_DIST_PORT", 21_673],
    epmd: ["RABBITMQ_EPMD_PORT", 21_369],
  };

const URL_VARIABLES: Record<ServerName, string> = {
  "product-db": "PRODUCT_DATABASE_URL",
  "order-db": "ORDER_DATABASE_URL",
  "product-redis": "PRODUCT_REDIS_URL",
  "order-redis": "ORDER_REDIS_URL",
  rabbitmq: "RABBITMQ_URL",
};

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
  ...Object.values(SERVER_PORTS).map(([variable]) => variable),
  ...programs.flatMap(({ port, morePorts = [] }) =>
    [port, ...morePorts].map((one) => one.variable),
  ),
];
export const serverUrlVariables = (): string[] => Object.values(URL_VARIABLES);

/** RabbitMQ's management page; off unless it is set. */
export const MANAGEMENT_PORT_VARIABLE = "RABBITMQ_MANAGEMENT_PORT";

export function readConfig(
  env: NodeJS.ProcessEnv,
  programs: readonly Program[],
): Readonly<LauncherConfig> {
  const wrong: string[] = [];
  const claimedPorts: ClaimedPort[] = [];

  const claim = (whose: string, variable: string, fallback: number | undefined) => {
    const given = env[variable];
    if (!given && fallback === undefined) return undefined;
    const port = given ? Number(given) : Number(fallback);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      wrong.push(`${variable} must be a port from 1 to 65535, not "${given}"`);
    }
    claimedPorts.push({ variable, port, whose });
    return port;
  };

  const serverUrls: LauncherConfig["serverUrls"] = {};
  const serverPorts: LauncherConfig["serverPorts"] = {};
  for (const name of SERVER_NAMES) {
    const url = env[URL_VARIABLES[name]];
    if (url && !URL.canParse(url)) wrong.push(`${URL_VARIABLES[name]} is not a URL`);
    if (url) serverUrls[name] = url;
    else serverPorts[name] = claim(name, ...SERVER_PORTS[name]);
  }
  if (serverUrls.rabbitmq === undefined) {
    serverPorts.distribution = claim("rabbitmq", ...SERVER_PORTS.distribution);
    serverPorts.epmd = claim("rabbitmq", ...SERVER_PORTS.epmd);
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
