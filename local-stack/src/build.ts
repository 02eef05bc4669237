import { packageTool } from "./package-tool.ts";
import { runCommand } from "./run-command.ts";

const BUILD_TIMEOUT_MS = 300_000;

/** Only what runs: a mistake in a test keeps nobody from starting the programs. */
export async function build(
  checkout: string,
  folders: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await runCommand({
    ...packageTool(checkout, "tsc", ["-b", ...folders]),
    label: "The build",
    timeoutMs: BUILD_TIMEOUT_MS,
    signal,
  });
}
