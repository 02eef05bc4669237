import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const INSTALL_TIMEOUT_MS = 600_000;
const STILL_AT_IT_MS = 10_000;
const PARENT_CHECK_MS = 500;
const ATTEMPTS = 3;
// By its own settings npm waits for minutes before it says that there is no network.
const NETWORK_FLAGS = [
  `--fetch-retries=${ATTEMPTS - 1}`,
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=4000",
  "--fetch-timeout=20000",
];
const NO_NETWORK =
  /EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|EIDLETIMEOUT|ERR_SOCKET_TIMEOUT/;
/** Of a request, as npm logs it. */
const FAILED_ATTEMPT = /attempt (\d+) failed with (\w+)/;
const RUN_WITH_PARENT = fileURLToPath(new URL("run-with-parent.mjs", import.meta.url));
// Then comes npm's own manual.
const ERROR_LINES = 12;
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages ?? null;
  } catch {
    return null;
  }
}

/**
 * npm writes down what it has installed, as the last thing that it does. Optional packages are mostly for other systems;
 * those for this one have to be there, and npm under an old Node leaves them out.
 */
export function packagesAreCurrent(checkout) {
  const wanted = readPackages(join(checkout, "package-lock.json"));
  const installed = readPackages(join(checkout, "node_modules", ".package-lock.json"));
  if (wanted === null || installed === null) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith("node_modules/")) return true;
    const has = installed[path];
    // A workspace whose folder was deleted has no link.
    if (entry.link && !existsSync(join(checkout, entry.resolved))) return true;
    if (has === undefined) return entry.optional === true && !isForThisSystem(entry);
    const { version, resolved, link } = entry;
    return has.version === version && has.resolved === resolved && has.link === link;
  });
}

/** The paths of packages for this system that npm left out. */
export function missingNativePackages(checkout) {
  const wanted = readPackages(join(checkout, "package-lock.json")) ?? {};
  const installed = readPackages(join(checkout, "node_modules", ".package-lock.json")) ?? {};
  return Object.keys(wanted).filter(
    (path) => installed[path] === undefined && isForThisSystem(wanted[path]),
  );
}

/** Made for a system, and this is it. */
const isForThisSystem = ({ os, cpu, libc }) =>
  (os ?? cpu) !== undefined &&
  fits(os, process.platform) &&
  fits(cpu, process.arch) &&
  (libc === undefined || fits(libc, libcHere()));

/** A list as package.json has it: `["linux"]`, `"linux"` or `["!win32"]`. */
function fits(list, value) {
  if (list === undefined) return true;
  const names = [list].flat();
  if (names.includes(`!${value}`)) return false;
  return names.includes(value) || names.every((name) => name.startsWith("!"));
}

function libcHere() {
  if (process.platform !== "linux") return undefined;
  return process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
}

/** Returns whether it finished; a stop ends it. Without a network, npm's cache may have everything. */
export async function installPackages(checkout) {
  const online = await runNpm(checkout, NETWORK_FLAGS);
  if (online.stopped) return false;
  if (online.code === 0) return true;
  const [unreachable] = NO_NETWORK.exec(online.output) ?? [];
  if (unreachable === undefined) throw new Error(`npm failed:\n${firstLines(online.output)}`);
  const cached = await runNpm(checkout, ["--offline"]);
  if (cached.stopped || cached.code === 0) return !cached.stopped;
  throw new Error(
    `The packages cannot be fetched: npm does not reach its registry (${unreachable}).` +
      " Check the network, or npm's settings for registry and proxy, and try again.",
  );
}

/** In a process group of its own: when the user stops it, or this process is killed, everything that npm started ends with it. */
function runNpm(checkout, flags) {
  // On Windows a running node.exe can't be replaced, and "npm ci" removes everything first.
  const onWindows = process.platform === "win32";
  const runsFromPackage = process.execPath.startsWith(join(checkout, "node_modules"));
  const verb = onWindows && runsFromPackage ? "install" : "ci";
  const npm = npmCommand();
  const [command, ...before] = onWindows ? npm : [process.execPath, RUN_WITH_PARENT, ...npm];
  const args = [verb, "--no-audit", "--no-fund", "--loglevel=http", ...flags];
  const startedAt = Date.now();
  let child;
  let stopped = false;
  // npm is slow to obey a polite signal, and what it leaves unfinished is installed again the next time.
  const end = () => killGroup(child);
  const onSignal = () => {
    stopped = true;
    end();
  };
  // Before npm runs: a signal at that very moment must not leave it running.
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  child = spawn(command, [...before, ...args], {
    cwd: checkout,
    stdio: ["pipe", "pipe", "pipe"],
    detached: !onWindows,
    shell: onWindows && before.length === 0,
  });
  let output = "";
  let said = false;
  const take = (line) => {
    const [, attempt, code = ""] = FAILED_ATTEMPT.exec(line) ?? [];
    if (!/^npm (http|warn|notice) /.test(line)) output += `${line}\n`;
    if (!NO_NETWORK.test(code)) return;
    if (!said) console.log(`npm does not reach its registry (${code}); trying again.`);
    said = true;
    // Otherwise npm would retry each of the other packages as often.
    if (Number(attempt) >= ATTEMPTS) {
      output += code;
      end();
    }
  };
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on("line", take);
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  const limit = setTimeout(end, INSTALL_TIMEOUT_MS);
  const reminder = setInterval(
    () => console.log(`Still installing the packages (${seconds()}).`),
    STILL_AT_IT_MS,
  );
  const stopWatching = onParentGone(onSignal);
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`npm can't be run: ${error.message}`)));
    child.once("close", (code) => {
      clearTimeout(limit);
      clearInterval(reminder);
      stopWatching();
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
      if (code === 0 && !stopped) console.log(`Packages installed (${seconds()}).`);
      resolve({ code, stopped, output });
    });
  });
}

/** When the npm that started this was killed outright: it cannot pass a signal on any more. */
function onParentGone(stop) {
  if (!process.env.npm_lifecycle_event) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => process.ppid !== parent && stop(), PARENT_CHECK_MS);
  return () => clearInterval(timer);
}

const firstLines = (text) => text.trim().split("\n").slice(0, ERROR_LINES).join("\n");

/** The npm that runs this, by the Node that runs this; else the one on the PATH. */
function npmCommand() {
  const running = process.env.npm_execpath ?? "";
  return /npm-cli\.c?js$/.test(running) && existsSync(running)
    ? [process.execPath, running]
    : ["npm"];
}

function killGroup(child) {
  if (child?.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
