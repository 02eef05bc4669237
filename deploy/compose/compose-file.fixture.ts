import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { CHECKOUT } from "../../local-stack/src/terminal/checkout.ts";

interface ComposeService {
  image?: string;
  build?: { context: string; target: string; args?: Record<string, string | number> };
  profiles?: string[];
  command?: string | string[];
  environment?: Record<string, string>;
  ports?: string[];
  networks: string[];
  hostname?: string;
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  restart: string;
  mem_limit: string;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  healthcheck?: object;
}

interface ComposeFile {
  services: Record<string, ComposeService>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, null>;
}

const read = (file: string): string => readFileSync(join(CHECKOUT, file), "utf8");

export const composeText = read("docker-compose.yml");

/** As Compose sees it: with these variables set, and no others. Values are put in after parsing, so they stay text. */
export function composeWith(variables: Readonly<Record<string, string>> = {}): ComposeFile {
  const putIn = (_: unknown, value: unknown): unknown =>
    typeof value === "string" ? withVariables(value, variables) : value;
  return parse(composeText, putIn, { merge: true }) as ComposeFile;
}

const withVariables = (text: string, variables: Readonly<Record<string, string>>): string =>
  text
    .replace(
      /\$\{(\w+):-([^}]*)\}/g,
      (_, name: string, fallback: string) => variables[name] || fallback,
    )
    .replaceAll("$$", "$");

/** The variables of the compose file, with what each is when it is not set. */
export const composeDefaults: Record<string, string> = Object.fromEntries(
  [...composeText.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name, value]) => [name, value]),
);

interface Stage {
  readonly from: string;
  readonly text: string;
}

/** The stages of the Dockerfile by name. */
export const stages: Map<string, Stage> = new Map(
  [...read("Dockerfile").matchAll(/^FROM (\S+) AS (\S+)\n([^]*?)(?=^FROM |$(?![^]))/gm)].map(
    ([, from = "", name = "", text = ""]) => [name, { from, text }],
  ),
);

/** A stage's own lines after those of the stages that it stands on, with the arguments of the build put in. */
export function stageWithBases(
  name: string,
  args: Readonly<Record<string, string | number>> = {},
): string {
  const stage = stages.get(name);
  if (stage === undefined) return "";
  const text = stage.text.replace(/\$\{(\w+)\}/g, (_, argument: string) => `${args[argument]}`);
  return `${stageWithBases(stage.from, args)}\n${text}`;
}

export const imageVariables = (image: string): Record<string, string> =>
  Object.fromEntries(
    [...image.matchAll(/^ENV (.+)$/gm)].flatMap(([, pairs = ""]) =>
      [...pairs.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(
        ([, name, quoted, plain]) => [name!, quoted ?? plain!] as const,
      ),
    ),
  );

interface Manifest {
  workspaces?: string[];
  optionalDependencies?: Record<string, string>;
}

export const manifestOf = (folder: string): Manifest =>
  JSON.parse(read(join(folder, "package.json"))) as Manifest;

export const ignoredByDocker = read(".dockerignore").split("\n");
