import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "@redis/client";
import { request } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { CHECKOUT } from "../terminal/checkout.ts";
import { findOnPath } from "../servers/find-server.ts";
import { SERVER_NAMES, SERVERS } from "../servers/server-table.ts";
import { endLeftovers } from "./leftovers.ts";
import { isPortFree, lastingPorts } from "../processes/ports.ts";
import { identityOf, isStillRunning } from "../processes/process-identity.ts";
import { readProcessesFile } from "./processes-file.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

const FIXTURE = fileURLToPath(new URL("launcher.fixture.ts", import.meta.url));
const PROGRAM = `
import { createServer } from 'node:http';
if (process.env['BREAK']) { console.error('BREAK is not allowed'); process.exit(1); }
createServer(({ url }, answer) =>
  answer.end(url === '/env' ? JSON.stringify(process.env) : '{"status":"ok","checks":{"broker":"ok"}}'))
  .listen(Number(process.env['PORT']), process.env['HOST']);
process.on('SIGTERM', () => process.exit(0));
`;

const CONFIG = `
import { z } from "zod";
export const variables = z.object({ BREAK: z.string().optional().describe("Makes it refuse to start.") });
`;

/** With one real server only. In the place of the others something listens that the tiny program never calls. */
async function makeCheckout() {
  const others = createServer().listen(0, "127.0.0.1");
  await once(others, "listening");
  onTestFinished(() => void others.close());
  const { port: otherPort } = others.address() as AddressInfo;
  const protocols = { postgres: "postgres", redis: "redis", rabbitmq: "amqp" };
  const folder = await testFolder("launcher test");
  mkdirSync(join(folder, "tiny", "src"), { recursive: true });
  symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "tiny", "src", "main.ts"), PROGRAM);
  writeFileSync(join(folder, "tiny", "src", "config.ts"), CONFIG);
  const options = { rootDir: "src", outDir: "dist", module: "nodenext", types: ["node"] };
  const compilerOptions = { ...options, composite: true, sourceMap: true, skipLibCheck: true };
  writeFileSync(join(folder, "tiny", "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const [tinyPort, redisPort] = await lastingPorts(2);
  const env = {
    PATH: process.env["PATH"],
    TMPDIR: process.env["TMPDIR"],
    TINY_PORT: `${tinyPort}`,
    ORDER_REDIS_PORT: `${redisPort}`,
    ...Object.fromEntries(
      SERVER_NAMES.filter((name) => name !== "order-redis").map((name) => [
        SERVERS[name].urlVariable,
        `${protocols[SERVERS[name].kind]}://127.0.0.1:${otherPort}`,
      ]),
    ),
  };
  return { folder, env, list: join(folder, ".local-stack", "processes.json") };
}

const chrt = process.platform === "linux" ? findOnPath("chrt") : null;
const canSchedule = chrt !== null && spawnSync(chrt, ["--batch", "0", "true"]).status === 0;
/** Whatever the tests are to Linux, the launcher begins as an ordinary program. */
const plainly = canSchedule ? [chrt, "--other", "0"] : [];

type Checkout = Awaited<ReturnType<typeof makeCheckout>>;

function start({ folder, env, list }: Checkout, more: NodeJS.ProcessEnv = {}) {
  const [command, ...args] = [...plainly, process.execPath, FIXTURE, folder];
  const launcher = spawn(command, args, { env: { ...env, ...more } });
  let said = "";
  launcher.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  launcher.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  // A start that a failed test interrupts has servers that are not in the list yet: the launcher itself ends those.
  onTestFinished(async () => {
    if (launcher.kill("SIGTERM")) {
      await Promise.race([once(launcher, "exit"), setTimeout(STOP_LIMIT_MS)]);
    }
    launcher.kill("SIGKILL");
    await endLeftovers(list);
  });
  return { launcher, said: () => said };
}

/** More than a stop takes. */
const STOP_LIMIT_MS = 20_000;

const SCHED_BATCH = 3;

/** How Linux schedules it: field 41 of a line whose third comes right behind the name in brackets. */
function policyOf({ pid }: { pid: number }): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
}

/** As browsers do. */
async function portThatFetchRefuses(): Promise<string> {
  for (const port of [6000, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 10_080]) {
    if (await isPortFree(port)) return `${port}`;
  }
  throw new Error("all of them are taken");
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
  for (const step of ["Built", "order-redis is ready", "tiny is ready"]) {
    expect(said()).toMatch(new RegExp(`^${step} \\(\\d+\\.\\d s\\)\\.$`, "m"));
  }
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

test("When everything runs, then each server's URL in the list works as it stands, and only its owner can read the list", async () => {
  const checkout = await makeCheckout();
  const port = await portThatFetchRefuses();
  const { launcher, said } = start(checkout, { TINY_PORT: port, JWT_SECRET: "not for everybody" });
  await expect.poll(said, WITHIN).toContain("Ready in");
  for (const file of [checkout.list, join(checkout.folder, ".local-stack", "secret")]) {
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  const [redis] = readProcessesFile(checkout.list);
  const client = createClient({ url: redis!.url });
  await client.connect();
  expect(await client.ping()).toBe("PONG");
  client.destroy();
  const stranger = createClient({
    url: `redis://127.0.0.1:${redis!.port}`,
    socket: { reconnectStrategy: false },
  });
  stranger.on("error", () => undefined);
  await expect(stranger.connect().then(() => stranger.ping())).rejects.toThrow(/NOAUTH|WRONGPASS/);
  stranger.destroy();

  const { body } = await request(`http://127.0.0.1:${port}/env`);
  const given = (await body.json()) as NodeJS.ProcessEnv;
  expect(given["REDIS_URL"]).toBe(redis!.url);
  expect(given["JWT_SECRET"]).toBeUndefined();
  launcher.kill("SIGINT");
  expect(await exitCode(launcher)).toBe(0);
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
