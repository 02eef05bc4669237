import { renameSync, writeFileSync } from "node:fs";

/** For what holds passwords. */
export const OWNER_ALONE = 0o600;
const EVERYBODY = 0o644;

/** Whoever reads it meanwhile sees the old file or the new one, never a part. */
export function writeWhole(path: string, text: string, mode = EVERYBODY): void {
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text, { mode });
  renameSync(unfinished, path);
}
