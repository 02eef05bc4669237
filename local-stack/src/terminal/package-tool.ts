import { readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGES: Record<string, string> = { tsc: "typescript" };

/** Run by our own Node and by its file: the links in .bin are scripts for a shell on Windows. */
export function packageTool(checkout: string, tool: string, args: readonly string[]) {
  const folder = join(checkout, "node_modules", PACKAGES[tool] ?? tool);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    bin: string | Record<string, string>;
  };
  const file = typeof bin === "string" ? bin : bin[tool];
  if (file === undefined) throw new Error(`${folder} has no command ${tool}`);
  return { command: process.execPath, args: [join(folder, file), ...args], cwd: checkout };
}
