import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const STOP_TIMEOUT_MS = 5_000;
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

/** npm in a process group of its own: when the user wants an end, all that it has started ends with it. */
export function installPackages(checkout) {
  // On Windows a running node.exe can't be replaced, and "npm ci" removes everything first.
  const runsFromPackage = process.execPath.startsWith(join(checkout, "node_modules"));
  const verb = process.platform === "win32" && runsFromPackage ? "install" : "ci";
  const args = [verb, "--no-audit", "--no-fund", "--loglevel=error"];
  const [command, ...before] = npmCommand();
  const child = spawn(command, [...before, ...args], {
    cwd: checkout,
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    shell: process.platform === "win32" && before.length === 0,
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));

  const end = () => {
    signalGroup(child, "SIGTERM");
    setTimeout(() => signalGroup(child, "SIGKILL"), STOP_TIMEOUT_MS).unref();
    child.once("close", () => process.exit(130));
  };
  for (const signal of STOP_SIGNALS) process.once(signal, end);
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`npm can't be run: ${error.message}`)));
    child.once("close", (code) => {
      for (const signal of STOP_SIGNALS) process.off(signal, end);
      if (code === 0) resolve();
      else reject(new Error(`npm ${verb} failed:\n${output.trim()}`));
    });
  });
}

/** The npm that runs this, by the Node that runs this; else the one on the PATH. */
function npmCommand() {
  const running = process.env.npm_execpath ?? "";
  return /npm-cli\.c?js$/.test(running) && existsSync(running)
    ? [process.execPath, running]
    : ["npm"];
}

function signalGroup(child, signal) {
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
  } catch {
    // Gone already.
  }
}
