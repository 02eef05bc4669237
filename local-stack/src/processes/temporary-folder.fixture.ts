import { rm } from "node:fs/promises";
import { onTestFinished } from "vitest";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** Gone with its test. */
export async function testFolder(name: string): Promise<string> {
  const folder = await makeTemporaryFolder(name);
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
