import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { withBrokerDefinitions } from "./compose-entries.ts";
import { edits } from "./edits.ts";
import type { Names } from "./insert.ts";

const TEMPLATE = join(import.meta.dirname, "template");

/** The template's files by where they go in the new folder. The others are pieces for the edits. */
const FILES: Readonly<Record<string, string>> = {
  "package.json": "package.json",
  "tsconfig.json": "tsconfig.json",
  "event-samples/__item__.created.v1.json": "event-sample.json",
  "src/main.ts": "src/main.ts",
  "src/config.ts": "src/config.ts",
  "src/app.module.ts": "src/app.module.ts",
  "src/__service__.test.ts": "src/service.test.ts",
  "src/__service__.fixture.ts": "src/fixture.ts",
  "src/__item__.entity.ts": "src/entity.ts",
  "src/create-__items__.ts": "src/create.ts",
  "src/__items__.controller.ts": "src/controller.ts",
  "src/migrations/1700000000001-__items__.ts": "src/migrations/migration.ts",
};

const GENERATED = [
  "docs/events.md",
  "docs/configuration.md",
  "gateway/.env.example",
  "local-stack/.env.example",
];

export interface NewService {
  /** One word, e.g. `shipping` for shipping-service. */
  readonly name: string;
  /** What it keeps, e.g. `shipment` for the route `/shipments`. */
  readonly item: string;
  readonly redis: boolean;
}

/**
 * Writes the service and its entries in the other files. Returns the paths of all that was written, and how to take it back. When it
 * fails it leaves the checkout as it was.
 */
export function addService(checkout: string, service: NewService): Written {
  const registry = readFileSync(join(checkout, "shared-contracts/src/services.ts"), "utf8");
  const names = namesOf(service, registry);
  refuseTaken(checkout, names);

  const before = new Map<string, string | undefined>();
  const folder = join(checkout, names.service);
  const undo = (): void => {
    rmSync(folder, { recursive: true, force: true });
    for (const [path, text] of before) {
      if (text === undefined) rmSync(path, { force: true });
      else writeFileSync(path, text);
    }
  };
  const piece = (file: string): string => fill(read(join(TEMPLATE, `${file}.tmpl`)), names);
  try {
    const own = Object.entries(FILES).map(([to, from]) => [fill(to, names), piece(from)] as const);
    for (const [path, text] of own) write(join(folder, path), text);
    const change = (path: string, edit: (text: string) => string): void => {
      const file = join(checkout, path);
      const text = existsSync(file) ? read(file) : undefined;
      if (!before.has(file)) before.set(file, text);
      write(
        file,
        withPath(path, () => edit(text ?? "")),
      );
    };
    for (const [path, edit] of Object.entries(edits(names, piece))) change(path, edit);
    change("docker-compose.yml", (text) => withBrokerDefinitions(text, checkout));
    // `npm run docs` writes these.
    for (const path of GENERATED) change(path, (text) => text);
  } catch (error) {
    undo();
    throw error;
  }
  const outside = [...before.keys()];
  const inside = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return { names, paths: [...outside, ...inside.map((path) => join(folder, path))], undo };
}

export interface Written {
  readonly names: Names;
  readonly paths: readonly string[];
  readonly undo: () => void;
}

const read = (file: string): string => readFileSync(file, "utf8").replaceAll("\r\n", "\n");

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function withPath(path: string, edit: () => string): string {
  try {
    return edit();
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

const WORD = /^[a-z]{2,20}$/;

function namesOf({ name, item, redis }: NewService, registry: string): Names {
  for (const word of [name, item]) {
    if (!WORD.test(word)) throw new Error(`"${word}" must be one word of 2 to 20 small letters.`);
  }
  const ports = [...registry.matchAll(/^ {4}port: (\d+),$/gm)].map(([, port]) => Number(port));
  if (ports.length === 0) throw new Error("There is no port in shared-contracts/src/services.ts.");
  return {
    name,
    item,
    redis,
    service: `${name}-service`,
    items: `${item}s`,
    port: Math.max(...ports) + 1,
    index: ports.length,
  };
}

function refuseTaken(checkout: string, { service, item, items }: Names): void {
  if (existsSync(join(checkout, service))) throw new Error(`${service} exists.`);
  const contracts = join(checkout, "shared-contracts", "src");
  if (existsSync(join(contracts, `${item}.ts`))) {
    throw new Error(`shared-contracts/src/${item}.ts exists. Give another name with --item.`);
  }
  const taken = [`"${item}.created"`, `database: "${items}"`].filter((text) =>
    ["event.ts", "services.ts"].some((file) => read(join(contracts, file)).includes(text)),
  );
  if (taken.length > 0) throw new Error(`${taken[0]} is taken. Give another name with --item.`);
}

const REDIS_LINE = /^( *)(?:#|\/\/) redis: (.*)\n/gm;

/** The template's words replaced by the names. */
function fill(text: string, { name, item, items, service, port, redis }: Names): string {
  const values: Readonly<Record<string, string>> = {
    service,
    name,
    Name: capital(name),
    NAME: name.toUpperCase(),
    item,
    Item: capital(item),
    items,
    Items: capital(items),
    port: `${port}`,
  };
  return text
    .replace(REDIS_LINE, redis ? "$1$2\n" : "")
    .replace(/__([a-zA-Z]+)__/g, (whole, word: string) => values[word] ?? whole);
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
