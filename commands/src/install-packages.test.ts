import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "local-stack/processes/ports";
import { identityOf, isStillRunning } from "local-stack/processes/process-identity";
import { testFolder } from "local-stack/processes/temporary-folder.fixture";

const MODULE = new URL("../install-packages.mjs", import.meta.url).href;
const { installPackages, missingNativePackages, packagesAreCurrent } = (await import(MODULE)) as {
  installPackages: (checkout: string) => Promise<boolean>;
  missingNativePackages: (checkout: string) => string[];
  packagesAreCurrent: (checkout: string) => boolean;
};

const BOOTSTRAP = join(CHECKOUT, "commands", "bootstrap.mjs");

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

test("installs nothing when every package for this system is there", async () => {
  const wanted = {
    "": { version: "0.1.0" },
    "node_modules/pg": pg,
    "node_modules/x": otherSystem,
  };
  expect(packagesAreCurrent(await checkout(wanted, { "node_modules/pg": pg }))).toBe(true);
});

test("installs the packages when npm never finished", async () => {
  expect(packagesAreCurrent(await checkout({ "node_modules/pg": pg }))).toBe(false);
});

test("installs the packages when the lockfile has another version", async () => {
  const wanted = { "node_modules/pg": { ...pg, version: "8.2.0" } };
  expect(packagesAreCurrent(await checkout(wanted, { "node_modules/pg": pg }))).toBe(false);
});

test("installs the packages when the lockfile has a new one", async () => {
  const wanted = { "node_modules/pg": pg, "node_modules/zod": pg };
  expect(packagesAreCurrent(await checkout(wanted, { "node_modules/pg": pg }))).toBe(false);
});

test("installs nothing when the folder of a workspace was deleted", async () => {
  const link = { resolved: "proof", link: true };
  const wanted = { "node_modules/pg": pg, "node_modules/proof": link };
  const folder = await checkout(wanted, { "node_modules/pg": pg });
  expect(packagesAreCurrent(folder)).toBe(true);
  mkdirSync(join(folder, "proof"));
  expect(packagesAreCurrent(folder)).toBe(false);
});

const forThisSystem = { ...otherSystem, os: [process.platform], cpu: [process.arch] };

test.each([
  ["this system", forThisSystem, true],
  ["this system, given as one word", { ...otherSystem, os: process.platform }, true],
  ["all but another system", { ...otherSystem, os: ["!plan9"] }, true],
  ["all but this system", { ...otherSystem, os: [`!${process.platform}`] }, false],
  ["another processor", { ...forThisSystem, cpu: ["pdp11"] }, false],
  ["another C library", { ...forThisSystem, libc: ["other"] }, false],
])("misses a native package for %s only where it is needed", async (_, native, needed) => {
  const wanted = { "node_modules/pg": pg, "node_modules/native": native };
  const folder = await checkout(wanted, { "node_modules/pg": pg });
  expect(packagesAreCurrent(folder)).toBe(!needed);
  expect(missingNativePackages(folder)).toEqual(needed ? ["node_modules/native"] : []);
});

test("refuses an old Node before it installs anything", () => {
  const older = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.20.4" } })`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(older)}`, BOOTSTRAP, "docs"],
    { encoding: "utf8" },
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(/^This is Node 18\.20\.4, and 20\.19 or later is needed/);
});

test.skipIf(process.platform === "win32")(
  "ends npm when the process that installs is killed",
  async () => {
    const folder = await checkout({});
    // Says which process it is, and never ends.
    const npm = join(folder, "npm-cli.js");
    const note = join(folder, "pid");
    writeFileSync(
      npm,
      `require("node:fs").writeFileSync(${JSON.stringify(note)}, String(process.pid)); setInterval(() => {}, 1000);`,
    );
    const installing = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `(await import("${MODULE}")).installPackages(process.argv[1])`,
        folder,
      ],
      { env: { ...process.env, npm_execpath: npm } },
    );
    onTestFinished(() => void installing.kill("SIGKILL"));
    const pid = () => Number(existsSync(note) && readFileSync(note, "utf8"));
    await expect.poll(pid, { timeout: 15_000 }).toBeGreaterThan(0);
    const identity = identityOf(pid());
    expect(isStillRunning(identity)).toBe(true);
    onTestFinished(() => {
      if (isStillRunning(identity)) process.kill(identity.pid, "SIGKILL");
    });

    installing.kill("SIGKILL");

    await expect.poll(() => isStillRunning(identity), { timeout: 15_000 }).toBe(false);
  },
);

test("says in a plain sentence that npm cannot reach its registry", async () => {
  const folder = await testFolder("install");
  const registry = `http://127.0.0.1:${await freePort()}`;
  // npm 12 fetches from its own registry only.
  writeFileSync(join(folder, ".npmrc"), `registry=${registry}/\n`);
  const dependencies = { "no-such-package-of-ours": "1.0.0" };
  const manifest = { name: "x", version: "1.0.0", dependencies };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const packages = {
    "": manifest,
    "node_modules/no-such-package-of-ours": {
      version: "1.0.0",
      resolved: `${registry}/no-such-package-of-ours/-/no-such-package-of-ours-1.0.0.tgz`,
    },
  };
  writeFileSync(
    join(folder, "package-lock.json"),
    JSON.stringify({ ...manifest, lockfileVersion: 3, requires: true, packages }),
  );
  await expect(installPackages(folder)).rejects.toThrow(
    /^The packages cannot be fetched: npm does not reach its registry \(ECONNREFUSED\)/,
  );
}, 60_000);

test("installs from npm's cache when the registry cannot be reached", async () => {
  const folder = await checkout({});
  const npm = join(folder, "npm-cli.js");
  // As npm does: it goes on with the other packages for minutes.
  writeFileSync(
    npm,
    `if (!process.argv.includes("--offline")) {
       console.error("npm http fetch GET https://registry/x attempt 3 failed with EAI_AGAIN");
       setInterval(() => {}, 1000);
     }`,
  );
  const before = process.env["npm_execpath"];
  process.env["npm_execpath"] = npm;
  onTestFinished(() => {
    if (before === undefined) delete process.env["npm_execpath"];
    else process.env["npm_execpath"] = before;
  });
  expect(await installPackages(folder)).toBe(true);
}, 60_000);

test("runs no script of the packages that npm installs", () => {
  const set = execFileSync("npm", ["config", "get", "ignore-scripts"], {
    cwd: CHECKOUT,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  expect(set.trim()).toBe("true");
});
