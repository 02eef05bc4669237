import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endLeftovers } from "./leftovers.ts";
import { takeLauncherLock } from "./launcher-lock.ts";
import { identityOf, isStillRunning } from "../processes/process-identity.ts";
import { openProcessesFile, readProcessesFile } from "./processes-file.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

async function sleeper(): Promise<ChildProcess & { pid: number }> {
  const child = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
  await once(child, "spawn");
  return child as ChildProcess & { pid: number };
}

const server = (name: string, pid: number, helperPids: number[] = []) => ({
  name,
  pid,
  port: 1,
  url: `test://${name}`,
  helperPids,
});

test("When the list names what still runs, then it is ended, its helpers with it", async () => {
  const path = join(await testFolder("leftovers"), "processes.json");
  const [main, helper] = await Promise.all([sleeper(), sleeper()]);
  openProcessesFile(path).set(server("rabbitmq", main.pid, [helper.pid]));

  const identities = [main, helper].map(({ pid }) => identityOf(pid));
  expect(identities.map(isStillRunning)).toEqual([true, true]);
  await endLeftovers(path);
  expect(identities.map(isStillRunning)).toEqual([false, false]);
});

test("When a number of the list is another process's by now, then that one is left alone", async () => {
  const path = join(await testFolder("leftovers"), "processes.json");
  const foreign = await sleeper();
  openProcessesFile(path).set(server("product-db", foreign.pid, [foreign.pid]));
  const [entry] = readProcessesFile(path);
  const earlier = { pid: foreign.pid, startTime: "an earlier start" };
  writeFileSync(path, JSON.stringify([{ ...entry, ...earlier, helpers: [earlier] }]));

  await endLeftovers(path);

  expect(isStillRunning(identityOf(foreign.pid))).toBe(true);
  foreign.kill("SIGKILL");
});

test("When the list is missing or damaged, then there is nothing to end", async () => {
  const path = join(await testFolder("leftovers"), "processes.json");
  await endLeftovers(path);
  writeFileSync(path, '[{"name": "order-');
  await endLeftovers(path);
  expect(readProcessesFile(path)).toEqual([]);
});

test("When a launcher runs, then a second one is told so; a dead one's lock counts for nothing", async () => {
  const path = join(await testFolder("lock"), "launcher.json");
  const giveBack = takeLauncherLock(path);
  expect(() => takeLauncherLock(path)).toThrow(/already runs in this checkout/);
  giveBack();
  expect(existsSync(path)).toBe(false);

  writeFileSync(path, JSON.stringify({ pid: process.pid, startTime: "an earlier start" }));
  takeLauncherLock(path)();
});
