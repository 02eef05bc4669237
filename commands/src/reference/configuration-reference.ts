import { posix } from "node:path";
import { describeVariables } from "../../../service-kit/src/config/describe-variables.ts";
import { launcherVariables } from "local-stack/launcher/config";
import { loadProgramVariables } from "local-stack/programs/program-settings";
import { PROGRAMS } from "local-stack/programs/programs";
import { CHECKOUT } from "local-stack/terminal/checkout";
import type { z } from "zod";
import { composeVariables } from "./compose-variables.ts";
import { code, table, written } from "./markdown.ts";

interface Section {
  readonly folder: string;
  readonly title: string;
  /** Where its variables are described. */
  readonly source: string;
  readonly text: string;
  readonly schema: z.ZodObject;
}

const pathOf = (folder: string): string => posix.join(folder, ".env.example");

const programs = await loadProgramVariables(CHECKOUT, PROGRAMS);

/** In the order in which a reader meets them. */
const SECTIONS: readonly Section[] = [
  {
    folder: "local-stack",
    title: "`npm start` and the other commands",
    source: "local-stack/src/launcher/config.ts",
    text: "Copy what you need to `.env` in the root of the repository; what is set in the environment wins. Variables of the programs below may stand there as well: they are passed on to all of them, but for addresses and ports, which the launcher gives.",
    schema: launcherVariables(PROGRAMS),
  },
  ...PROGRAMS.toReversed().map(({ folder, name }) => ({
    folder,
    title: name,
    source: `${folder}/src/config.ts`,
    text: "`npm start` and Docker set these. Every wrong or missing variable is named at the start, and the program exits 1; an unknown one that looks like a typing error is pointed out.",
    schema: programs.get(name)!,
  })),
  {
    folder: ".",
    title: "`docker compose`",
    source: "commands/src/reference/compose-variables.ts",
    text: "Nothing has to be set. Copy what you need to `.env` in the root of the repository; what is set in the shell wins. Every account has a password, `shop` by default: `sh deploy/compose/passwords.sh >> .env` writes random ones; do it before the first start, since databases keep those that they were made with. Other variables of the programs go into a `docker-compose.override.yml`.",
    schema: composeVariables,
  },
];

export function configurationReference(): string {
  return written("the schemas in the `config.ts` files", [
    "# Configuration",
    "Everything is set by environment variables; an empty one counts as not set.",
    ...SECTIONS.flatMap(({ folder, title, text, schema }) => [
      `## ${title}`,
      `${text} A template: [${pathOf(folder)}](../${pathOf(folder)}).`,
      table(["variable", "default", "what it is for"], describeVariables(schema).map(rowOf)),
    ]),
  ]);
}

function rowOf({
  name,
  value,
  required,
  description,
}: ReturnType<typeof describeVariables>[number]) {
  const fallback = value === "" ? "" : code(value);
  return [code(name), required ? `**required**, e.g. ${fallback}` : fallback, description];
}

/** The `.env.example` of each section, by its path. */
export const ENV_EXAMPLES: Readonly<Record<string, () => string>> = Object.fromEntries(
  SECTIONS.map((section) => [pathOf(section.folder), () => envExample(section)]),
);

function envExample({ source, text, schema }: Section): string {
  const variables = describeVariables(schema).map(
    ({ name, value, required, description }) =>
      `# ${description}\n${required ? "" : "# "}${name}=${value}\n`,
  );
  return `# Written by \`npm run docs\` from ${source}. A line without # must be set; after a # stands the default.\n# ${text}\n\n${variables.join("\n")}`;
}

/** Every variable that something here reads. */
export const KNOWN_VARIABLES: readonly string[] = SECTIONS.flatMap(({ schema }) =>
  Object.keys(schema.shape),
);
