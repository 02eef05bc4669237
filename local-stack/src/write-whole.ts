import { renameSync, writeFileSync } from "node:fs";

/** Whoever reads it meanwhile sees the old file or the new one, never a part. */
export function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, path);
}
