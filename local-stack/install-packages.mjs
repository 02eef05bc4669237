import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const INSTALL_TIMEOUT_MS = 600_000;
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
 * npm writes down what it has installed, as the last thing that it does. Optional packages are for other systems,
 * except for those that are installed: they have to be the right ones too.
 */
export function packagesAreCurrent(checkout) {
  const wanted = readPackages(join(checkout, "package-lock.json"));
  const installed = readPackages(join(checkout, "node_modules", ".package-lock.json"));
  if (wanted === null || installed === null) return false;
  return Object.entries(wanted).every(([path, { version, resolved, link, optional }]) => {
    if (!path.startsWith("node_modules/")) return true;
    const has = installed[path];
    if (has === undefined) return optional === true;
    return has.version === version && has.resolved === resolved && has.link === link;
  });
}

/**
 * npm in a process group of its own: when the user wants an end, all that it has started ends with it. Hands back
 * whether it was let finish.
 */
export function installPackages(checkout) {
  // On Windows a running node.exe can't be replaced, and "npm ci" removes everything first.
  const runsFromPackage = process.execPath.startsWith(join(checkout, "node_modules"));
  const verb = process.platform === "win32" && runsFromPackage ? "install" : "ci";
  const args = [verb, "--no-audit", "--no-fund", "--loglevel=error"];
  const [command, ...before] = npmCommand();
  let child;
  let stopped = false;
  // npm takes its time over a polite signal, and what it leaves half done is installed again the next time.
  const end = () => killGroup(child);
  const onSignal = () => {
    stopped = true;
    end();
  };
  // Before npm runs: a signal that comes at that very moment must not leave it behind.
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  child = spawn(command, [...before, ...args], {
    cwd: checkout,
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    shell: process.platform === "win32" && before.length === 0,
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  const limit = setTimeout(end, INSTALL_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`npm can't be run: ${error.message}`)));
    child.once("close", (code) => {
      clearTimeout(limit);
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
      if (stopped || code === 0) resolve(!stopped);
      else reject(new Error(`npm ${verb} failed:\n${firstLines(output)}`));
    });
  });
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
