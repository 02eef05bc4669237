import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageTool } from "../terminal/package-tool.ts";
import { BUNDLE, type Program } from "./programs.ts";
import { runCommand } from "../processes/run-command.ts";

const BUILD_TIMEOUT_MS = 300_000;
const BUNDLER = fileURLToPath(new URL("bundle-programs.ts", import.meta.url));

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

/** And for each program the two files that run: Node starts on them in a third of the time that it takes to find and load a thousand. */
export async function buildPrograms(
  checkout: string,
  programs: readonly Program[],
  signal: AbortSignal,
): Promise<void> {
  await build(
    checkout,
    programs.map(({ folder }) => folder),
    signal,
  );
  const behind = programs.filter(
    (program) => program.unbundled !== true && !isBundled(checkout, program),
  );
  if (behind.length === 0) return;
  await runCommand({
    command: process.execPath,
    args: [BUNDLER, ...new Set(behind.map(({ folder }) => folder))],
    cwd: checkout,
    label: "Bundling the programs",
    timeoutMs: BUILD_TIMEOUT_MS,
    signal,
  });
}

/** Newer than all that it is made of, and made by. */
function isBundled(checkout: string, { folder, dependsOn }: Program): boolean {
  const bundled = changedAt(join(checkout, folder, BUNDLE));
  const packages = join(checkout, "node_modules", ".package-lock.json");
  return [
    BUNDLER,
    packages,
    ...[folder, ...dependsOn].flatMap((one) => compiled(checkout, one)),
  ].every((file) => changedAt(file) < bundled);
}

function compiled(checkout: string, folder: string): string[] {
  const dist = join(checkout, folder, "dist");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".js")).map((file) => join(dist, file));
}

const changedAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
