import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { getServers } from "local-stack/servers/get-servers";
import { PROCESS_NOTES_VARIABLE, signalGroup } from "local-stack/processes/managed-process";
import { packageTool } from "local-stack/terminal/package-tool";
import { isStillRunning, type ProcessIdentity } from "local-stack/processes/process-identity";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";
import { makeTemporaryFolder } from "local-stack/processes/temporary-folder";

const LOGS = join(stateFolder(CHECKOUT), "test-logs");

/** A quiet machine does the rounds below in this time; the limits of the tests are made for it. */
const QUIET_MS = 700;
const ROUNDS = 12e8;
const BUSY_FACTOR = 1.5;
const TOO_BUSY_FACTOR = 8;

/** How many times longer this machine takes: it is slow, or other programs use it. A shorter look would miss the others. */
function measureTimeFactor(): number {
  const startedAt = performance.now();
  let bits = 1;
  for (let round = 0; round < ROUNDS; round += 1) bits ^= bits << 1;
  const factor = (performance.now() - startedAt) / QUIET_MS;
  return factor < BUSY_FACTOR ? 1 : Math.min(factor, TOO_BUSY_FACTOR);
}

function sayTimeFactor(factor: number): void {
  if (factor === 1) return;
  say(
    `This machine is slow or busy: the limits of the tests are ${factor.toFixed(1)} times longer.`,
  );
  if (factor === TOO_BUSY_FACTOR) say("It is too busy: tests may fail for that alone.");
}

/** However the tests end, killed or not: their servers end with them, and their data is removed. */
async function cleanUp(folder: string, notes: string): Promise<void> {
  const lines = existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [];
  for (const line of lines.filter((text) => text !== "")) {
    const left = JSON.parse(line) as ProcessIdentity;
    if (isStillRunning(left)) signalGroup(left.pid, "SIGKILL");
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** What a newcomer wants to know after a failure. */
function keepLogs(folder: string): void {
  rmSync(LOGS, { recursive: true, force: true });
  cpSync(join(folder, "order-system-logs"), LOGS, { recursive: true });
  say(
    `\nThe failed tests stand above, each with its file and line. One file again: npm test -- PATH` +
      `\nThe logs of this run's servers and programs are in ${LOGS}`,
  );
}

async function runVitest(folder: string, notes: string, stop: AbortSignal): Promise<number> {
  const factor = measureTimeFactor();
  sayTimeFactor(factor);
  say("Building the programs and starting PostgreSQL and RabbitMQ for the tests …");
  const chosen = process.argv.slice(3);
  // A part of the tests can't cover the whole of the code.
  const coverage = chosen.length === 0 ? ["--coverage"] : [];
  const tool = packageTool(CHECKOUT, "vitest", ["run", ...coverage, ...chosen]);
  const vitest = spawn(tool.command, tool.args, {
    cwd: tool.cwd,
    env: {
      ...process.env,
      TMPDIR: folder,
      TEST_TIME_FACTOR: String(factor),
      [PROCESS_NOTES_VARIABLE]: notes,
    },
    stdio: "inherit",
  });
  stop.addEventListener("abort", () => vitest.kill("SIGTERM"), { once: true });
  const [code] = (await once(vitest, "exit")) as [number | null];
  if (code !== 0 && !stop.aborted && existsSync(join(folder, "order-system-logs")))
    keepLogs(folder);
  return stop.aborted ? STOPPED : (code ?? 1);
}

async function main(): Promise<number> {
  const { signal, ignore } = listenForStop();
  const folder = await makeTemporaryFolder("tests");
  const notes = join(folder, "processes");
  try {
    await getServers(["postgres", "redis", "rabbitmq"], signal);
    return await runVitest(folder, notes, signal);
  } catch (error) {
    if (!signal.aborted) say((error as Error).message);
    return signal.aborted ? STOPPED : 1;
  } finally {
    await cleanUp(folder, notes);
    ignore();
  }
}

process.exitCode = await main();
