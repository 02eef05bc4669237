import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { readConfig } from "local-stack/launcher/config";
import { PROGRAMS } from "local-stack/programs/programs";
import { readExample } from "./configuration-reference.ts";

/** What the launcher looks for in its environment when nothing is set. */
function variablesOfLauncher(): { read: Set<string>; ports: Map<string, number> } {
  const read = new Set<string>();
  const nothingSet = new Proxy<NodeJS.ProcessEnv>(
    {},
    {
      get: (_, name) => {
        read.add(String(name));
        return undefined;
      },
    },
  );
  const { claimedPorts } = readConfig(nothingSet, PROGRAMS);
  return { read, ports: new Map(claimedPorts.map(({ variable, port }) => [variable, port])) };
}

/** The commands beside the launcher read theirs by name. */
function variablesOfCommands(): string[] {
  const folders = ["commands/src", "local-stack/src/launcher"].map((path) => join(CHECKOUT, path));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^[a-z-]+\.ts$/.test(name))
      .map((name) => join(folder, name)),
  );
  const texts = sources.map((path) => readFileSync(path, "utf8"));
  return texts.flatMap((text) =>
    [...text.matchAll(/\benvironment\["([A-Z_]+)"\]/g)].map(([, name]) => name!),
  );
}

test("the launcher's reference tells of every variable, with its default, and of no other", () => {
  const { read, ports } = variablesOfLauncher();
  const known = new Set([...read, ...variablesOfCommands()]);
  const told = readExample("local-stack");
  expect(told.map(({ name }) => name).toSorted()).toEqual([...known].toSorted());
  expect(told.filter(({ required, meaning }) => required || meaning === "")).toEqual([]);

  const defaults = Object.assign({}, ...PROGRAMS.map((program) => program.defaults));
  for (const { name, value } of told) {
    expect({ name, value }).toEqual({
      name,
      value: String(ports.get(name) ?? defaults[name] ?? ""),
    });
  }
});
