import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DrillSystem } from "./system.ts";

/** A full file is put aside under this. */
const EARLIER = ".1";

export type LogLine = Readonly<Record<string, unknown>>;

/** All that a program has logged; a line that is no JSON object is handed to `onBroken`. */
export function readLog(
  { logFolder }: DrillSystem,
  program: string,
  onBroken: (line: string) => void,
): LogLine[] {
  const file = join(logFolder, `${program}.log`);
  const text = [file + EARLIER, file]
    .map((path) => (existsSync(path) ? readFileSync(path, "utf8") : ""))
    .join("");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        onBroken(line);
        return [];
      }
    });
}
