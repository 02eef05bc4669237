import { z } from "zod";
import { readConfig as readVariables } from "../../../service-kit/src/config/read-config.ts";
import { count, flag, port, url } from "../../../service-kit/src/config/variables.ts";
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

/** RabbitMQ's management page; off unless it is set. */
export const MANAGEMENT_PORT_VARIABLE = "RABBITMQ_MANAGEMENT_PORT";

export type PortUse = ServerName | "distribution" | "epmd" | "management";

export interface ClaimedPort {
  variable: string;
  port: number;
  whose: string;
}

export interface LauncherConfig {
  serverPorts: Partial<Record<PortUse, number>>;
  /** Servers that run elsewhere. */
  serverUrls: Partial<Record<ServerName, string>>;
  /** The accounts that own the tables of those databases. */
  migrationUrls: Partial<Record<ServerName, string>>;
  /** The programs' ports by the variable that moves each. */
  programPorts: Record<string, number>;
  /** Every port that will be listened on, with the variable that moves it. */
  claimedPorts: ClaimedPort[];
  /** Passed on to the programs, for the settings that are theirs alone. */
  environment: NodeJS.ProcessEnv;
  showEvents: boolean;
  showAllLogs: boolean;
}

const PROTOCOLS = {
  postgres: ["postgres:", "postgresql:"],
  redis: ["redis:", "rediss:"],
  rabbitmq: ["amqp:", "amqps:"],
};
const EXAMPLES = {
  postgres: "postgres://user:password@host:5432/database",
  redis: "redis://host:6379",
  rabbitmq: "amqp://user:password@host:5672",
};

const portOf = (what: string, number?: number) =>
  port
    .refine((value) => value > 0, "must be a port, 1 to 65535")
    .optional()
    .describe(what)
    .meta({ fallback: number });

const portsOfPrograms = (programs: readonly Program[]) =>
  programs.flatMap(({ name, port: first, morePorts = [] }) => [
    { ...first, what: name === "gateway" ? "The one URL for clients." : `The port of ${name}.` },
    ...morePorts.map((one) => ({ ...one, what: `Health and metrics of ${name}.` })),
  ]);

const portsOfServers = () =>
  SERVER_NAMES.map((name) => {
    const [variable, number] = SERVERS[name].port;
    return { variable, number, what: `The port of ${name}.` };
  }).concat(
    Object.entries(RABBITMQ_PORTS).map(([use, [variable, number]]) => {
      return { variable, number, what: `RabbitMQ's own port for ${use}.` };
    }),
  );

/** The variables that move every port there is. */
export const portVariables = (programs: readonly Program[]): string[] =>
  [...portsOfServers(), ...portsOfPrograms(programs)].map(({ variable }) => variable);

/** The variables that put a server of the user in the place of ours. */
export const serverUrlVariables = (): string[] =>
  SERVER_NAMES.flatMap((name) => [
    SERVERS[name].urlVariable,
    ...(SERVERS[name].database === undefined ? [] : [migrationUrlVariable(name)]),
  ]);

/** What the launcher reads, for `.env`. The programs' own variables may stand there as well. */
export function launcherVariables(programs: readonly Program[]): z.ZodObject {
  const urls = SERVER_NAMES.flatMap((name) => {
    const { kind, urlVariable, database } = SERVERS[name];
    const kindOfUrl = url(...PROTOCOLS[kind]).optional();
    const own = kindOfUrl.describe(
      `A server of your own in the place of ${name}, e.g. ${EXAMPLES[kind]}; the on-call commands ask it as well.`,
    );
    const owner = kindOfUrl.describe(
      `For such a database: the account that owns its tables. Without it ${SERVERS[name].service} makes them itself.`,
    );
    return [[urlVariable, own], ...(database ? [[migrationUrlVariable(name), owner]] : [])];
  });
  return z.object({
    PORT_OFFSET: count({ min: 0, max: 40_000 })
      .optional()
      .describe(
        "For a second checkout beside the first: a number from 0 to 40000 that is added to every port below, unless its own variable is set.",
      ),
    ...Object.fromEntries(
      [...portsOfPrograms(programs), ...portsOfServers()].map(({ variable, number, what }) => [
        variable,
        portOf(what, number),
      ]),
    ),
    [MANAGEMENT_PORT_VARIABLE]: portOf(
      "RabbitMQ's management page on 127.0.0.1, e.g. 21680; off unless it is set. `npm run url rabbitmq` shows user and password.",
    ),
    ...(Object.fromEntries(urls) as Record<string, z.ZodType>),
    LOG_LEVEL: z
      .string()
      .optional()
      .describe(
        "Shows everything that the programs log on the terminal, from this level on: trace, debug, info, warn or error.",
      ),
    LOG_EVENTS: flag
      .optional()
      .describe("true: one line on the terminal for each event that is published or consumed."),
    ...commandVariables,
  });
}

const commandVariables = {
  SHOP_URL: url("http:", "https:")
    .optional()
    .describe(
      "Where npm run seed, fuzz and postman find the shop, when it is not the one that npm start runs here, e.g. https://shop.example",
    ),
  SHOP_TOKEN: z
    .string()
    .optional()
    .describe("For a shop with AUTH=jwt: a token with the scopes products:write and orders:write."),
  SCHEMATHESIS: z
    .string()
    .optional()
    .describe("For npm run fuzz: the program Schemathesis, unless it is on the PATH."),
};

/** Names that look like typing errors are pointed out elsewhere. */
export function readConfig(
  env: NodeJS.ProcessEnv,
  programs: readonly Program[],
): Readonly<LauncherConfig> {
  const given = readVariables(launcherVariables(programs), env, () => undefined);
  const numberOf = (name: string): number | undefined => given[name] as number | undefined;
  const textOf = (name: string): string | undefined => given[name] as string | undefined;
  const offset = numberOf("PORT_OFFSET") ?? 0;
  const claimedPorts: ClaimedPort[] = [];
  const claim = (whose: string, variable: string, fallback?: number): number | undefined => {
    const number = numberOf(variable) ?? (fallback === undefined ? undefined : fallback + offset);
    if (number !== undefined) claimedPorts.push({ variable, port: number, whose });
    return number;
  };

  const serverUrls: LauncherConfig["serverUrls"] = {};
  const migrationUrls: LauncherConfig["migrationUrls"] = {};
  const serverPorts: LauncherConfig["serverPorts"] = {};
  for (const name of SERVER_NAMES) {
    const { port: own, urlVariable, database } = SERVERS[name];
    const serverUrl = textOf(urlVariable);
    if (serverUrl === undefined) serverPorts[name] = claim(name, ...own);
    else serverUrls[name] = serverUrl;
    const migrationUrl = database === undefined ? undefined : textOf(migrationUrlVariable(name));
    if (migrationUrl !== undefined) migrationUrls[name] = migrationUrl;
  }
  if (serverUrls.rabbitmq === undefined) {
    serverPorts.distribution = claim("rabbitmq", ...RABBITMQ_PORTS.distribution);
    serverPorts.epmd = claim("rabbitmq", ...RABBITMQ_PORTS.epmd);
    serverPorts.management = claim("rabbitmq", MANAGEMENT_PORT_VARIABLE);
  }
  const programPorts: Record<string, number> = {};
  for (const { name, port: first, morePorts = [] } of programs) {
    for (const { variable, number } of [first, ...morePorts]) {
      programPorts[variable] = claim(name, variable, number) ?? number;
    }
  }
  refusePortsClaimedTwice(claimedPorts);
  return Object.freeze({
    serverPorts,
    serverUrls,
    migrationUrls,
    programPorts,
    claimedPorts,
    environment: env,
    showEvents: given["LOG_EVENTS"] === true,
    showAllLogs: textOf("LOG_LEVEL") !== undefined,
  });
}

function refusePortsClaimedTwice(claims: ClaimedPort[]): void {
  const twice = claims.flatMap(({ variable, port: number }, index) => {
    const first = claims.findIndex((claim) => claim.port === number);
    const other = claims[first];
    return first < index && other ? [`${other.variable} and ${variable} are both ${number}`] : [];
  });
  if (twice.length > 0) throw new Error(`The settings can't be used:\n  ${twice.join("\n  ")}`);
}

/** Servers of the user, by the variable that names each. */
export const givenServers = ({ serverUrls, migrationUrls }: LauncherConfig) =>
  SERVER_NAMES.flatMap((name) => [
    { variable: SERVERS[name].urlVariable, url: serverUrls[name] },
    { variable: migrationUrlVariable(name), url: migrationUrls[name] },
  ]).flatMap(({ variable, url: text }) => (text === undefined ? [] : [{ variable, url: text }]));
