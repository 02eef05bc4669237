import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, urlsVariable, type Edit, type Names } from "./insert.ts";

export function addToCompose(text: string, names: Names, piece: (file: string) => string): string {
  const { name, service, port, redis } = names;
  const blocks = piece("compose.yml") + (redis ? piece("compose-redis.yml") : "");
  const steps: readonly Edit[] = [
    (old) =>
      after(
        old,
        /^ {6}\w+_SERVICE_URLS: \S+$(?=\n {6}#)/m,
        `      ${urlsVariable(names)}: http://${service}:${port}\n`,
      ),
    (old) =>
      after(
        old,
        /^ {6}\w+-service: \{ condition: service_healthy \}$(?=\n\n)/m,
        `      ${service}: { condition: service_healthy }\n`,
      ),
    (old) => before(old, /^ {2}rabbitmq:\n {4}<<:/m, blocks),
    (old) => before(old, /^\nvolumes:$/m, `  ${name}-data: { internal: true }\n`),
    (old) => before(old, /^ {2}rabbitmq:\n {2}\w/m, `  ${name}-db:\n`),
  ];
  return steps.reduce((edited, step) => step(edited), text);
}

export function addToTls(text: string, names: Names, piece: (file: string) => string): string {
  const { name, redis } = names;
  const programs = before(text, /^ {2}operations:$/m, piece("tls.yml"));
  const databases = before(programs, /^ {2}\w+-redis: \*redis$/m, `  ${name}-db: *postgres\n`);
  return redis ? before(databases, /^\n {2}rabbitmq:$/m, `  ${name}-redis: *redis\n`) : databases;
}

const BLOCK = /^( *)DEFINITIONS: \|\n(?:\1 {2}.*\n)+/m;

/** The compose file with the accounts of the broker, as the registry of the checkout has them now. */
export function withBrokerDefinitions(composeText: string, checkout: string): string {
  const [, indent = ""] = BLOCK.exec(composeText) ?? [];
  if (indent === "") throw new Error("docker-compose.yml has no DEFINITIONS.");
  const lines = linesOf(readDefinitions(checkout)).map((line) => `${indent}  ${line}\n`);
  return composeText.replace(BLOCK, () => `${indent}DEFINITIONS: |\n${lines.join("")}`);
}

type Definitions = Record<string, object[]>;

/** In a process of its own: this one may have read the registry before it was changed. */
function readDefinitions(checkout: string): Definitions {
  const urlOf = (path: string): string => pathToFileURL(join(checkout, path)).href;
  const script = `
    import { rabbitmqDefinitions } from "${urlOf("local-stack/src/servers/rabbitmq-definitions.ts")}";
    import { SERVICE_NAMES } from "${urlOf("shared-contracts/src/services.ts")}";
    const passwordOf = (account) => "<" + account + ">";
    const definitions = rabbitmqDefinitions({ services: SERVICE_NAMES, vhosts: ["/"] }, passwordOf);
    console.log(JSON.stringify(definitions));`;
  const printed = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  return JSON.parse(printed) as Definitions;
}

function linesOf(definitions: Definitions): string[] {
  const lists = Object.entries(definitions).map(([name, rows]) => [
    `  "${name}": [`,
    rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n"),
    "  ]",
  ]);
  const text = `{\n${lists.map((list) => list.join("\n")).join(",\n")}\n}`;
  return text
    .replaceAll("$", "$$$$")
    .replace(/<([a-z-]+)>/g, passwordIn)
    .split("\n");
}

const passwordIn = (_: string, account: string): string =>
  account === "shop"
    ? "${RABBITMQ_PASSWORD:-shop}"
    : `\${${account.toUpperCase().replaceAll("-", "_")}_PASSWORD:-shop}`;
