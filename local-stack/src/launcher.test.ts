import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CHECKOUT } from "./checkout.ts";
import { findOnPath } from "./find-server.ts";
import { lastingPorts } from "./ports.ts";
import { identityOf, isStillRunning } from "./process-identity.ts";
import { readProcessesFile } from "./processes-file.ts";
import { testFolder } from "./temporary-folder.fixture.ts";

const FIXTURE = fileURLToPath(new URL("launcher.fixture.ts", import.meta.url));
const PROGRAM = `
import { createServer } from 'node:http';
if (process.env['BREAK']) { console.error('BREAK is not allowed'); process.exit(1); }
createServer((_, answer) => answer.end('{"status":"ok","checks":{"broker":"ok"}}'))
  .listen(Number(process.env['PORT']), process.env['HOST']);
process.on('SIGTERM', () => process.exit(0));
`;

/** With one real server only: the others are said to run somewhere. */
async function makeCheckout() {
  const folder = await testFolder("launcher test");
  mkdirSync(join(folder, "tiny", "src"), { recursive: true });
  symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "tiny", "src", "main.ts"), PROGRAM);
  const options = { rootDir: "src", outDir: "dist", module: "nodenext", types: ["node"] };
  const compilerOptions = { ...options, composite: true, sourceMap: true, skipLibCheck: true };
  writeFileSync(join(folder, "tiny", "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const [tinyPort, redisPort] = await lastingPorts(2);
  const elsewhere = "test://elsewhere";
  const env = {
    PATH: process.env["PATH"],
    TMPDIR: process.env["TMPDIR"],
    TINY_PORT: `${tinyPort}`,
    ORDER_REDIS_PORT: `${redisPort}`,
    PRODUCT_DATABASE_URL: elsewhere,
    ORDER_DATABASE_URL: elsewhere,
    PRODUCT_REDIS_URL: elsewhere,
    RABBITMQ_URL: elsewhere,
  };
  return { folder, env, list: join(folder, ".local-stack", "processes.json") };
}

const chrt = process.platform === "linux" ? findOnPath("chrt") : null;
const canSchedule = chrt !== null && spawnSync(chrt, ["--batch", "0", "true"]).status === 0;
/** Whatever the tests are to Linux, the launcher begins as an ordinary program. */
const plainly = canSchedule ? [chrt, "--other", "0"] : [];

type Checkout = Awaited<ReturnType<typeof makeCheckout>>;

function start({ folder, env }: Checkout, more: NodeJS.ProcessEnv = {}) {
  const [command, ...args] = [...plainly, process.execPath, FIXTURE, folder];
  const launcher = spawn(command, args, { env: { ...env, ...more } });
  let said = "";
  launcher.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  launcher.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  onTestFinished(() => void launcher.kill("SIGKILL"));
  return { launcher, said: () => said };
}

const SCHED_BATCH = 3;

/** How Linux schedules it: field 41 of a line whose third comes right behind the name in brackets. */
function policyOf({ pid }: { pid: number }): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
}

const WITHIN = { timeout: 15_000 };

async function exitCode(launcher: ChildProcess): Promise<unknown> {
  const [code] = (await once(launcher, "exit")) as unknown[];
  return code;
}

test("When Ctrl-C comes, then everything ends, nothing is left, and the exit code is 0", async () => {
  const checkout = await makeCheckout();
  const { launcher, said } = start(checkout);
  await expect.poll(said, WITHIN).toContain("Ready in");
  const running = readProcessesFile(checkout.list);
  expect(running.map(({ name }) => name)).toEqual(["order-redis", "tiny"]);
  expect(running.every(isStillRunning)).toBe(true);

  const second = start(checkout);
  expect(await exitCode(second.launcher)).toBe(1);
  expect(second.said()).toContain("already runs in this checkout");

  launcher.kill("SIGINT");
  // As npm does: the same key press a second time.
  launcher.kill("SIGINT");
  expect(await exitCode(launcher)).toBe(0);
  expect(running.some(isStillRunning)).toBe(false);
  expect(existsSync(checkout.list)).toBe(false);
});

test.runIf(canSchedule)("When Linux can, then all that it starts is batch work", async () => {
  const checkout = await makeCheckout();
  const { launcher, said } = start(checkout);
  await expect.poll(said, WITHIN).toContain("Ready in");
  // What is in a container is started by the engine.
  const ours = readProcessesFile(checkout.list).filter(({ container }) => container === undefined);
  expect(ours.map(({ name }) => name)).toContain("tiny");
  expect(new Set(ours.map(policyOf))).toEqual(new Set([SCHED_BATCH]));
  launcher.kill("SIGINT");
  expect(await exitCode(launcher)).toBe(0);
});

test("When the launcher was killed, then the next one ends what it left and starts anew", async () => {
  const checkout = await makeCheckout();
  const first = start(checkout);
  await expect.poll(first.said, WITHIN).toContain("Ready in");
  const left = readProcessesFile(checkout.list);
  first.launcher.kill("SIGKILL");
  await once(first.launcher, "exit");

  const next = start(checkout);
  await expect.poll(next.said, WITHIN).toContain("Ready in");
  expect(next.said()).toContain("Ending what an earlier start left running: order-redis, tiny.");
  expect(left.some(isStillRunning)).toBe(false);
  next.launcher.kill("SIGTERM");
  expect(await exitCode(next.launcher)).toBe(0);
});

test("When a program dies, then it is back with its new number in the list", async () => {
  const checkout = await makeCheckout();
  const { launcher, said } = start(checkout);
  await expect.poll(said, WITHIN).toContain("Ready in");
  const pidOfTiny = () => readProcessesFile(checkout.list).find(({ name }) => name === "tiny")?.pid;
  const before = pidOfTiny() ?? 0;

  process.kill(before, "SIGKILL");
  await expect.poll(said, WITHIN).toContain("tiny runs again");

  expect(pidOfTiny()).not.toBe(before);
  expect(identityOf(pidOfTiny() ?? 0).startTime).not.toBeNull();
  launcher.kill("SIGINT");
  expect(await exitCode(launcher)).toBe(0);
});

test("When a program refuses its configuration, then its words are shown and everything is ended", async () => {
  const checkout = await makeCheckout();
  const { launcher, said } = start(checkout, { BREAK: "1" });
  expect(await exitCode(launcher)).toBe(1);
  expect(said()).toContain("BREAK is not allowed");
  expect(said()).toContain("tiny ended before it was ready (exit code 1)");
  expect(existsSync(checkout.list)).toBe(false);
  expect(readFileSync(join(checkout.folder, ".local-stack", "logs", "tiny.log"), "utf8")).toContain(
    "BREAK is not allowed",
  );
});
