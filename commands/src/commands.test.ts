import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHECKOUT } from "local-stack/terminal/checkout";

interface Command {
  entry: string;
  helpBy?: string[];
}
const { COMMANDS } = (await import(new URL("../commands.mjs", import.meta.url).href)) as {
  COMMANDS: Record<string, Command>;
};
const BOOTSTRAP = join(CHECKOUT, "commands", "bootstrap.mjs");

const help = (name: string) =>
  execFileSync(process.execPath, [BOOTSTRAP, name, "--help"], { encoding: "utf8" });

test("lists every command as a script of package.json, with its entry file", () => {
  const { scripts } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const prefix = "exec node commands/bootstrap.mjs ";
  const called = Object.values(scripts).filter((script) => script.startsWith(prefix));
  expect(called.map((script) => script.slice(prefix.length))).toEqual(Object.keys(COMMANDS));
  // A fork may delete proof/.
  const there = Object.values(COMMANDS).filter(
    ({ entry }) => !entry.startsWith("proof/") || existsSync(join(CHECKOUT, "proof")),
  );
  expect(there.filter(({ entry }) => !existsSync(join(CHECKOUT, entry)))).toEqual([]);
});

test.each(Object.keys(COMMANDS))("shows with --help how to call %s, and starts nothing", (name) => {
  expect(help(name)).toMatch(new RegExp(`npm (run )?${name}\\b`));
});
