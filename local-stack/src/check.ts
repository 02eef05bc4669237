import { CHECKOUT } from "./checkout.ts";
import { STOPPED } from "./exit-codes.ts";
import { packageTool } from "./package-tool.ts";
import { runCommand } from "./run-command.ts";
import { say, seconds } from "./say.ts";
import { listenForStop } from "./stop-signals.ts";

const STEP_TIMEOUT_MS = 300_000;

const STEPS = [
  ["tsc", "-b"],
  ["oxlint", "--type-aware", "--disable-nested-config", "--deny-warnings"],
  ["oxfmt", "--check", "."],
  ["knip"],
] as const;

const { signal, ignore } = listenForStop();
for (const [tool, ...args] of STEPS) {
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
