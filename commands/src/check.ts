import { existsSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { packageTool } from "local-stack/terminal/package-tool";
import { runCommand } from "local-stack/processes/run-command";
import { say, seconds } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";

const STEP_TIMEOUT_MS = 300_000;

const STEPS = [
  ["tsc", "-b"],
  // A fork may delete the folder.
  ...(existsSync(join(CHECKOUT, "proof")) ? [["tsc", "-b", "proof"]] : []),
  ["oxlint", "--type-aware", "--disable-nested-config", "--deny-warnings"],
  ["oxfmt", "--check", "."],
  ["knip"],
];

const { signal, ignore } = listenForStop();
for (const [tool = "", ...args] of STEPS) {
  const step = [tool, ...args].join(" ");
  const startedAt = Date.now();
  try {
    await runCommand({
      ...packageTool(CHECKOUT, tool, args),
      label: step,
      timeoutMs: STEP_TIMEOUT_MS,
      signal,
    });
    say(`ok      ${step} (${seconds(startedAt)})`);
  } catch (error) {
    if (signal.aborted) process.exit(STOPPED);
    say(`FAILED  ${step} (${seconds(startedAt)})\n${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
ignore();
