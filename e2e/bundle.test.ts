import { spawn } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CHECKOUT } from "local-stack/checkout";
import { BUNDLE, PROGRAMS, nodeArguments } from "local-stack/programs";
import { expect, onTestFinished, test } from "vitest";

const NOBODY = "127.0.0.1:1";
const ADDRESSES = {
  DATABASE_URL: `postgres://shop:shop@${NOBODY}/shop`,
  REDIS_URL: `redis://${NOBODY}`,
  RABBITMQ_URL: `amqp://${NOBODY}`,
  PRODUCT_SERVICE_URLS: `http://${NOBODY}`,
  ORDER_SERVICE_URLS: `http://${NOBODY}`,
};
// What the gateway finds beside its own code, here as in its image.
const PAGES = join("node_modules", "swagger-ui-dist");

/** As in an image: what was bundled, and no packages around it. */
async function startAlone(
  folder: string,
  { pages = false, settings = {} }: { pages?: boolean; settings?: Record<string, string> } = {},
): Promise<() => string> {
  const alone = await mkdtemp(join(tmpdir(), "shop-alone-"));
  const bundle = dirname(BUNDLE);
  cpSync(join(CHECKOUT, folder, bundle), join(alone, folder, bundle), { recursive: true });
  mkdirSync(join(alone, "node_modules"));
  if (pages) symlinkSync(join(CHECKOUT, PAGES), join(alone, PAGES));
  const child = spawn(process.execPath, nodeArguments(), {
    cwd: join(alone, folder),
    env: { HOST: "127.0.0.1", PORT: "0", ADMIN_PORT: "0", AUTH: "off", ...ADDRESSES, ...settings },
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

test.each(PROGRAMS)("$name runs where there are no packages", async ({ folder }) => {
  const said = await startAlone(folder, { pages: folder === "gateway" });
  await expect.poll(said, WITHIN).toContain('"msg":"listening"');
});

test("the gateway runs there with a rate limit in a Redis that is away", async () => {
  const settings = { RATE_LIMIT: "10", RATE_LIMIT_REDIS_URL: `redis://${NOBODY}` };
  const said = await startAlone("gateway", { pages: true, settings });
  await expect.poll(said, WITHIN).toContain('"msg":"listening"');
  await expect.poll(said, WITHIN).toContain("redis is not there");
});

test("a stack trace of a bundled program names a line of the sources", async () => {
  const said = await startAlone("gateway");
  await expect.poll(said, WITHIN).toMatch(/at .*gateway\/src\/api-reference\/files\.ts:\d+/);
});
