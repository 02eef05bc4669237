import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findOnPath } from "local-stack/servers/find-server";
import { describe, expect, test } from "vitest";
import { startFakeShop, type Fault } from "./fake-shop.fixture.ts";

const RUNNER = fileURLToPath(new URL("run-load.ts", import.meta.url));
const K6_TESTS = fileURLToPath(new URL("..", import.meta.url));
const SCRIPTS = readdirSync(K6_TESTS).filter((file) => file.endsWith(".js"));
const k6 = findOnPath("k6");
// Short and small, with books that are closed soon; how fast a fake shop is on a busy machine says nothing.
const SHORT = {
  RATE: "60",
  RAMP: "500ms",
  DURATION: "500ms",
  PRODUCTS: "1",
  SETTLE_LIMIT: "500ms",
  DRAIN_LIMIT: "500ms",
  P95_MS: "5000",
  P99_MS: "5000",
  DONE_P95_MS: "5000",
};

/** As npm run load does, under the same Node. The third word is the one that names the command. */
async function load(args: string[], env: NodeJS.ProcessEnv) {
  const own = { PATH: process.env["PATH"], ...env };
  const code = `process.argv = ["node", "bootstrap", "load", ...${JSON.stringify(args)}]; await import(${JSON.stringify(RUNNER)});`;
  const runner = spawn(process.execPath, ["--input-type=module", "-e", code], { env: own });
  let said = "";
  runner.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  runner.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [exitCode] = (await once(runner, "close")) as [number | null];
  return { exitCode, said };
}

test("lists the scripts", async () => {
  const { exitCode, said } = await load([], {});
  expect(exitCode).toBe(0);
  for (const file of SCRIPTS) expect(said).toContain(`  ${file.replace(".js", "")}\n`);
});

test("exits with 3 and says how to get k6 when there is none", async () => {
  const shop = await startFakeShop("none");
  const { exitCode, said } = await load(["orders", "--url", shop], { PATH: "/nowhere" });
  expect(exitCode).toBe(3);
  expect(said).toContain("go install go.k6.io/k6");
});

test("says that nothing answers at the URL", async () => {
  const { exitCode, said } = await load(["orders", "--url", "http://127.0.0.1:1"], {});
  expect(exitCode).toBe(1);
  expect(said).toContain("http://127.0.0.1:1 does not answer. Is npm start running?");
});

test("says that K6 names no program", async () => {
  const SHOP_URL = await startFakeShop("none");
  const { exitCode, said } = await load(["orders"], { SHOP_URL, K6: "/nowhere/k6" });
  expect(exitCode).toBe(1);
  expect(said).toContain("/nowhere/k6 cannot be run");
});

test("ends with k6's exit code, and passes the shop and the token on in the environment alone", async () => {
  const SHOP_URL = await startFakeShop("none");
  // A k6 that shows its arguments and its environment.
  const K6 = join(K6_TESTS, "src", "recorded", "k6.sh");
  const { exitCode, said } = await load(["orders"], { SHOP_URL, K6, TOKEN: "secret" });
  expect(exitCode).toBe(107);
  expect(said).toContain(`run --no-usage-report ${join(K6_TESTS, "orders.js")}\n`);
  expect(said).toContain(`BASE_URL=${SHOP_URL} TOKEN=secret GOGC=200`);
});

describe.skipIf(k6 === null)("with the real k6", () => {
  test.each(SCRIPTS)("k6 accepts %s, whose books must add up", async (name) => {
    const inspect = spawn(k6 ?? "", ["inspect", join(K6_TESTS, name)]);
    let said = "";
    inspect.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    inspect.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await once(inspect, "close");
    const { thresholds } = JSON.parse(said) as { thresholds: Record<string, string[]> };
    expect(thresholds).toMatchObject({ orders_lost: ["count<=0"], stock_mismatch: ["count==0"] });
  });

  test.each([
    ["none", 0, "0 failed, 0 dropped"],
    ["loses", 99, "ORDERS LOST"],
    ["doubles", 99, "ORDERS NOT SENT BY THIS RUN"],
    ["oversells", 99, "PRODUCTS WHOSE STOCK DOES NOT ADD UP"],
    ["forgets", 99, "ORDERS STILL PENDING"],
    ["rejects", 99, "ORDERS REJECTED"],
    ["refuses", 99, "orders without an answer"],
  ] as [Fault, number, string][])(
    "with a shop whose fault is %s orders ends with %d: %s",
    async (fault, code, words) => {
      const SHOP_URL = await startFakeShop(fault);
      const { exitCode, said } = await load(["orders"], { SHOP_URL, ...SHORT });
      expect(said).toContain(words);
      expect(exitCode).toBe(code);
    },
  );
});
