import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const markIn = (dataDir: string) => join(dataDir, "ready-once");

/** A first start that was cut off leaves data that no later start accepts; nothing of anybody's was in it yet. */
export const wasReady = (dataDir: string): boolean => existsSync(markIn(dataDir));

export async function markReady(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(markIn(dataDir), "");
}
