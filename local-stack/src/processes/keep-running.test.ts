import { expect, onTestFinished, test, vi } from "vitest";
import { keepRunning } from "./keep-running.ts";
import { startProcess } from "./managed-process.ts";
import { defineServer } from "./define-server.ts";
import type { RunningServer } from "./running-server.ts";

/** A program that is ready at once and does what the script says. */
function tinyServer(script: () => string): RunningServer {
  let ready = false;
  return defineServer({
    name: "tiny",
    port: 1,
    url: "test://tiny",
    async launch() {
      ready = false;
      return startProcess({
        command: process.execPath,
        args: ["-e", script()],
        cwd: process.cwd(),
        env: {},
        onOutput: (text) => (ready ||= text.includes("up")),
      });
    },
    isReady: async () => ready,
    readyTimeoutMs: 10_000,
    stopSignal: "SIGTERM",
  });
}

const RUNS = "console.log('up'); setInterval(() => {}, 1000)";

function listenToTerminal(): string[] {
  const lines: string[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    lines.push(String(text).trim());
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  return lines;
}

test("When it dies, then it is started again at once, with a line that says so", async () => {
  const lines = listenToTerminal();
  const kept = keepRunning(tinyServer(() => RUNS));
  await kept.restart();
  const firstPid = kept.server.pid;

  process.kill(firstPid, "SIGKILL");
  await expect.poll(() => lines.at(-1)).toMatch(/^tiny runs again \(process \d+\)\.$/);

  expect(kept.server.pid).not.toBe(firstPid);
  expect(lines[0]).toBe("tiny ended (SIGKILL); starting it again.");
  await kept.stop();
  expect(kept.server.isRunning()).toBe(false);
});

test("When it can't start any more, then the reason is shown, tries become rare, and a restart on purpose helps at once", async () => {
  const lines = listenToTerminal();
  let script = RUNS;
  const kept = keepRunning(tinyServer(() => script));
  await kept.restart();

  script = "console.error('DATABASE_URL is missing'); process.exit(1)";
  process.kill(kept.server.pid, "SIGKILL");
  await expect.poll(() => lines).toContain("tiny: next try in 1 s.");
  expect(lines.join("\n")).toContain("DATABASE_URL is missing");

  script = RUNS;
  await kept.restart();
  expect(kept.server.isRunning()).toBe(true);
  await kept.stop();
  expect(lines.filter((line) => line.startsWith("tiny ended (SIG"))).toHaveLength(1);
});
