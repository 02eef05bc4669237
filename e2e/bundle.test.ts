import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import {
  BUNDLE,
  PROGRAMS,
  nodeArguments,
  type Addresses,
  type Program,
} from "local-stack/programs/programs";
import { SERVERS, SERVER_NAMES } from "local-stack/servers/server-table";
import { expect, onTestFinished, test } from "vitest";

const NOWHERE = "127.0.0.1:1";
const SERVER_URLS = {
  postgres: `postgres://shop:shop@${NOWHERE}/shop`,
  redis: `redis://${NOWHERE}`,
  rabbitmq: `amqp://${NOWHERE}`,
};
const ADDRESSES = {
  servers: Object.fromEntries(
    SERVER_NAMES.map((name) => [name, SERVER_URLS[SERVERS[name].kind]]),
  ) as Addresses["servers"],
  programs: Object.fromEntries(PROGRAMS.map(({ name }) => [name, `http://${NOWHERE}`])),
};
const GATEWAY = PROGRAMS.find(({ name }) => name === "gateway")!;
// What the gateway finds beside its own code, here as in its image.
const PAGES = join("node_modules", "swagger-ui-dist");

/** As in an image: what was bundled, and no packages around it. */
async function startAlone(
  program: Program,
  { pages = false, settings = {} }: { pages?: boolean; settings?: Record<string, string> } = {},
): Promise<() => string> {
  const { folder } = program;
  const alone = await mkdtemp(join(tmpdir(), "shop-alone-"));
  const bundle = dirname(BUNDLE);
  cpSync(join(CHECKOUT, folder, bundle), join(alone, folder, bundle), { recursive: true });
  mkdirSync(join(alone, "node_modules"));
  if (pages) symlinkSync(join(CHECKOUT, PAGES), join(alone, PAGES));
  const child = spawn(process.execPath, nodeArguments(), {
    cwd: join(alone, folder),
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      AUTH: "off",
      ...program.env(ADDRESSES),
      ...settings,
    },
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await rm(alone, { recursive: true });
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return () => said;
}

const WITHIN = { timeout: 20_000 };

test.each(PROGRAMS)("$name runs without installed packages", async (program) => {
  const said = await startAlone(program, { pages: program === GATEWAY });
  await expect.poll(said, WITHIN).toContain('"msg":"listening"');
});

test("the gateway runs without installed packages, with a rate limit in a Redis that is away", async () => {
  const settings = { RATE_LIMIT: "10", RATE_LIMIT_REDIS_URL: `redis://${NOWHERE}` };
  const said = await startAlone(GATEWAY, { pages: true, settings });
  await expect.poll(said, WITHIN).toContain('"msg":"listening"');
  await expect.poll(said, WITHIN).toContain("redis is not there");
});

test("names a line of the sources in a stack trace of a bundled program", async () => {
  const said = await startAlone(GATEWAY);
  await expect.poll(said, WITHIN).toMatch(/at .*gateway\/src\/api-reference\/files\.ts:\d+/);
});

test("the on-call commands run without installed packages", async () => {
  // As the Dockerfile does.
  const node = (...args: string[]) =>
    execFileSync(process.execPath, args, { cwd: CHECKOUT, stdio: "pipe" });
  node("node_modules/typescript/bin/tsc", "-b", "operations");
  node("local-stack/src/programs/bundle-programs.ts", "operations");
  const alone = await mkdtemp(join(tmpdir(), "commands-alone-"));
  onTestFinished(() => rm(alone, { recursive: true }));
  cpSync(join(CHECKOUT, "operations", dirname(BUNDLE)), alone, { recursive: true });
  const url = `postgres://${NOWHERE}/shop`;
  const { status, stdout } = spawnSync(process.execPath, ["main.mjs", "orders:stuck"], {
    cwd: alone,
    env: { ORDER_DATABASE_URL: url },
    encoding: "utf8",
  });
  expect({ status, stdout }).toMatchObject({
    status: 2,
    stdout: expect.stringContaining("The orders cannot be asked: nothing listens there."),
  });
});
