import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { LOOPBACK, freePort, isPortFree } from "./ports.ts";
import { identityOf, isStillRunning, startTimeIn } from "./process-identity.ts";

const LISTENER = `
const [port, host] = process.argv.slice(1);
require("node:net").createServer().listen(Number(port), host, () => console.log("listening"));
`;

/** A line of /proc/<pid>/stat. */
const stat = (name: string, state: string, threads: number): string =>
  `42 (${name}) ${state} 1 42 42 0 -1 4194560 5204 0 12 0 81 23 0 0 20 0 ${threads} 0 123456 702230528 15104 1844674`;

test.each([
  ["runs", stat("node", "S", 11), "123456"],
  ["has a name like the end of one", stat("a) Z 1", "R", 1), "123456"],
  ["has a main thread that ended, and others", stat("node", "Z", 7), "123456"],
  ["has ended, and nobody has asked for its exit code", stat("node", "Z", 1), null],
])("When it %s, then its start time is told or not", (_, line, startTime) => {
  expect(startTimeIn(line)).toBe(startTime);
});

test("When a process is said to have ended, then all its threads have, and its port is free", async () => {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const port = await freePort();
    const child = spawn(process.execPath, ["-e", LISTENER, `${port}`, LOOPBACK]);
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    const identity = identityOf(child.pid ?? 0);
    expect(isStillRunning(identity)).toBe(true);

    child.kill(signal);
    // Asked without a pause: for some of its threads the end takes longer than for the first.
    while (isStillRunning(identity)) await nextTurn();

    expect(await isPortFree(port)).toBe(true);
  }
});
