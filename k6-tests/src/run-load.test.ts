import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findOnPath } from "local-stack/servers/find-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { startFakeShop, type Fault } from "./fake-shop.fixture.ts";
import { recordedText } from "./recorded.fixture.ts";
import { K6_TESTS, scriptNames } from "./scripts.ts";

const RUNNER = fileURLToPath(new URL("run-load.ts", import.meta.url));
const K6 = findOnPath("k6");
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
  const summary = /^The summary is in (.*)$/m.exec(said)?.[1];
  if (summary) onTestFinished(() => rmSync(summary, { force: true }));
  return { exitCode, said, summary };
}

/** In the place of k6: leaves the summary of a run that was recorded, and ends as it is told. */
function fakeK6(exitCode: number): string {
  const folder = mkdtempSync(join(tmpdir(), "k6-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const summary = join(folder, "summary.json");
  writeFileSync(summary, recordedText("orders-k6-1"));
  const program = join(folder, "k6");
  writeFileSync(program, `#!/bin/sh\ncp '${summary}' "$SUMMARY_FILE"\nexit ${exitCode}\n`);
  chmodSync(program, 0o755);
  return program;
}

test("When no script is named, then all are listed", async () => {
  const { exitCode, said } = await load([], {});
  expect(exitCode).toBe(0);
  for (const name of scriptNames()) expect(said).toContain(`  ${name}\n`);
});

test("When there is no k6, then the exit code is 3 and the message says how to get it", async () => {
  const shop = await startFakeShop("none");
  const { exitCode, said } = await load(["orders", "--url", shop], { PATH: "/nowhere" });
  expect(exitCode).toBe(3);
  expect(said).toContain("go install go.k6.io/k6");
});

test("When nothing answers at the URL, then the message says so", async () => {
  const { exitCode, said } = await load(["orders", "--url", "http://127.0.0.1:1"], {});
  expect(exitCode).toBe(1);
  expect(said).toContain("http://127.0.0.1:1 does not answer. Is npm start running?");
});

test("When K6 names no program, then the message says so", async () => {
  const SHOP_URL = await startFakeShop("none");
  const { exitCode, said } = await load(["orders"], { SHOP_URL, K6: "/nowhere/k6" });
  expect(exitCode).toBe(1);
  expect(said).toContain("/nowhere/k6 can't be run");
});

test.each([0, 99, 107])(
  "When k6 ends with %d, then so does the run, with its line",
  async (code) => {
    const SHOP_URL = await startFakeShop("none");
    const { exitCode, said, summary } = await load(["orders"], { SHOP_URL, K6: fakeK6(code) });
    expect(exitCode).toBe(code);
    expect(said).toContain("orders: 50/s for 4 s");
    expect(readFileSync(summary ?? "", "utf8")).toBe(recordedText("orders-k6-1"));
  },
);

describe.skipIf(K6 === null)("with the real k6", () => {
  test.each(scriptNames())(
    "%s is a script that k6 takes, with books that must be right",
    async (name) => {
      const inspect = spawn(K6 ?? "", ["inspect", join(K6_TESTS, `${name}.js`)]);
      let said = "";
      inspect.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
      inspect.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
      await once(inspect, "close");
      const { thresholds } = JSON.parse(said) as { thresholds: Record<string, string[]> };
      expect(thresholds).toMatchObject({ orders_lost: ["count<=0"], stock_mismatch: ["count==0"] });
    },
  );

  test.each([
    ["none", 0, "0 failed, 0 dropped"],
    ["loses", 99, "ORDERS LOST"],
    ["doubles", 99, "ORDERS THAT NOBODY SENT"],
    ["oversells", 99, "PRODUCTS WHOSE STOCK DOES NOT ADD UP"],
    ["forgets", 99, "ORDERS STILL PENDING"],
    ["rejects", 99, "ORDERS REJECTED"],
    ["refuses", 99, "orders without an answer"],
  ] as [Fault, number, string][])(
    "When a shop's fault is %s, then orders ends with %d and says: %s",
    async (fault, code, words) => {
      const SHOP_URL = await startFakeShop(fault);
      const { exitCode, said, summary } = await load(["orders"], { SHOP_URL, ...SHORT });
      expect(said).toContain(words);
      expect(exitCode).toBe(code);
      expect(existsSync(summary ?? "")).toBe(true);
    },
  );
});
