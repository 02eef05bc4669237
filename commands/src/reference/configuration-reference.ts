import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { PROGRAMS } from "local-stack/programs/programs";
import { readEnvExample } from "./env-example.ts";
import { code, table, written } from "./markdown.ts";

const LAUNCHER = "local-stack";

/** In the order in which a reader meets them. */
const SECTIONS = [
  {
    folder: LAUNCHER,
    title: "`npm start` and the other commands",
    text: "Copy what you need to `.env` in the root of the repository; what is set in the environment wins. Variables of the programs below may stand there as well: they are handed on to all of them, but for addresses and ports, which the launcher gives.",
  },
  ...PROGRAMS.toReversed().map(({ folder, name }) => ({
    folder,
    title: name,
    text: "Every wrong or missing variable is named at the start, and the program exits 1.",
  })),
  {
    folder: ".",
    title: "`docker compose`",
    text: "Nothing has to be set. Copy what you need to `.env` in the root of the repository; what is set in the shell wins. Other variables of the programs go into a `docker-compose.override.yml`.",
  },
];

export function configurationReference(): string {
  return written("the `.env.example` files", [
    "# Configuration",
    "Everything is set by environment variables; an empty one counts as not set. Tests hold these tables against the schemas that the programs read.",
    ...SECTIONS.flatMap(({ folder, title, text }) => [
      `## ${title}`,
      `${text} A template: [${pathOf(folder)}](../${pathOf(folder)}).`,
      table(["variable", "default", "what it is for"], readExample(folder).map(rowOf)),
    ]),
  ]);
}

const pathOf = (folder: string): string => posix.join(folder, ".env.example");

export const readExample = (folder: string) =>
  readEnvExample(readFileSync(join(CHECKOUT, pathOf(folder)), "utf8"));

function rowOf({ name, value, required, meaning }: ReturnType<typeof readExample>[number]) {
  const fallback = value === "" ? "" : code(value);
  return [code(name), required ? `**required**, e.g. ${fallback}` : fallback, meaning];
}
