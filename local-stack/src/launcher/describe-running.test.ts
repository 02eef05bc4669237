import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeRunning } from "./describe-running.ts";
import { identityOf } from "../processes/process-identity.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

const ours = identityOf(process.pid);
const gone = { ...ours, startTime: "an earlier start" };
const db = { name: "order-db", port: 21433, url: "postgres://shop:secret@127.0.0.1:21433/orders" };
const gateway = { name: "gateway", port: 4000, url: "http://127.0.0.1:4000" };

async function listOf(...entries: unknown[]): Promise<string> {
  const path = join(await testFolder("status"), "processes.json");
  writeFileSync(path, JSON.stringify(entries));
  return path;
}

test("When parts run, then each is shown with its address and process, and without its password", async () => {
  const shown = await describeRunning(await listOf({ ...db, ...ours }, { ...gateway, ...gone }));
  expect(shown?.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["order-db", "postgres://127.0.0.1:21433/orders", `process ${process.pid}`],
    ["gateway", "http://127.0.0.1:4000", "does not run"],
  ]);
});

test("When a list was left by a start that was killed, then nothing runs", async () => {
  expect(await describeRunning(await listOf({ ...gateway, ...gone }))).toBeNull();
  expect(await describeRunning("/nowhere/processes.json")).toBeNull();
});
