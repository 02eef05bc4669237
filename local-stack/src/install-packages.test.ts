import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "./checkout.ts";
import { expect, test } from "vitest";
import { testFolder } from "./temporary-folder.fixture.ts";

const { packagesAreCurrent } = (await import(
  new URL("../install-packages.mjs", import.meta.url).href
)) as { packagesAreCurrent: (checkout: string) => boolean };

type Packages = Record<string, Record<string, unknown>>;
const pg = { version: "8.1.0", resolved: "pg-8.1.0.tgz" };
const otherSystem = { version: "1.0.0", resolved: "x.tgz", optional: true };

async function checkout(wanted: Packages, installed?: Packages): Promise<string> {
  const folder = await testFolder("install");
  mkdirSync(join(folder, "node_modules"));
  const write = (path: string, packages: Packages) =>
    writeFileSync(join(folder, path), JSON.stringify({ packages }));
  write("package-lock.json", wanted);
  if (installed) write("node_modules/.package-lock.json", installed);
  return folder;
}

test("When every package is there, apart from those for other systems, then nothing is installed", async () => {
  const wanted = {
    "": { version: "0.1.0" },
    "node_modules/pg": pg,
    "node_modules/x": otherSystem,
  };
  expect(packagesAreCurrent(await checkout(wanted, { "node_modules/pg": pg }))).toBe(true);
});

test("When npm never finished, then the packages are installed", async () => {
  expect(packagesAreCurrent(await checkout({ "node_modules/pg": pg }))).toBe(false);
});

test("When the lockfile asks for another version, then the packages are installed", async () => {
  const wanted = { "node_modules/pg": { ...pg, version: "8.2.0" } };
  expect(packagesAreCurrent(await checkout(wanted, { "node_modules/pg": pg }))).toBe(false);
});

test("When a package is new in the lockfile, then the packages are installed", async () => {
  const wanted = { "node_modules/pg": pg, "node_modules/zod": pg };
  expect(packagesAreCurrent(await checkout(wanted, { "node_modules/pg": pg }))).toBe(false);
});

test("When npm installs packages, then no script of theirs is run", () => {
  const set = execFileSync("npm", ["config", "get", "ignore-scripts"], {
    cwd: CHECKOUT,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  expect(set.trim()).toBe("true");
});
