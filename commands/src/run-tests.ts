import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { getServers } from "local-stack/servers/get-servers";
import { PROCESS_NOTES_VARIABLE, signalGroup } from "local-stack/processes/managed-process";
import { packageTool } from "local-stack/terminal/package-tool";
import { isStillRunning, type ProcessIdentity } from "local-stack/processes/process-identity";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";
import { makeTemporaryFolder } from "local-stack/processes/temporary-folder";

/** However the tests end, killed or not: their servers end with them, and so does their data. */
async function cleanUp(folder: string, notes: string): Promise<void> {
  const lines = existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [];
  for (const line of lines.filter((text) => text !== "")) {
    const left = JSON.parse(line) as ProcessIdentity;
    if (isStillRunning(left)) signalGroup(left.pid, "SIGKILL");
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

async function runVitest(folder: string, notes: string, stop: AbortSignal): Promise<number> {
  const chosen = process.argv.slice(3);
  // A part of the tests can't cover the whole of the code.
  const coverage = chosen.length === 0 ? ["--coverage"] : [];
  const tool = packageTool(CHECKOUT, "vitest", ["run", ...coverage, ...chosen]);
  const vitest = spawn(tool.command, tool.args, {
    cwd: tool.cwd,
    env: { ...process.env, TMPDIR: folder, [PROCESS_NOTES_VARIABLE]: notes },
    stdio: "inherit",
  });
  stop.addEventListener("abort", () => vitest.kill("SIGTERM"), { once: true });
  const [code] = (await once(vitest, "exit")) as [number | null];
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
