import { rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface DataDir {
  path: string;
  /** Does nothing to a folder that was asked for by name. */
  remove: () => Promise<void>;
}

// Others may pass through but not look around: PostgreSQL runs as another user than root.
const ENTERABLE_MODE = 0o711;

export const temporaryPrefix = (name: string): string => `local-stack-${name}-`;

export async function makeTemporaryFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), temporaryPrefix(name)));
  await chmod(folder, ENTERABLE_MODE);
  return folder;
}

/** For files with passwords, also where it was made before by a version that made it for everybody. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o700);
}

// A test run that is interrupted calls no stop(): what it made goes with it all the same.
const temporary = new Set<string>();
process.on("exit", () => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});

/** The data lies one level below the temporary folder, so that what stands beside it goes with it. */
export async function chooseDataDir(wanted: string | undefined, name: string): Promise<DataDir> {
  if (wanted !== undefined) return { path: wanted, remove: async () => {} };
  const folder = await makeTemporaryFolder(name);
  temporary.add(folder);
  return {
    path: join(folder, "data"),
    async remove() {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      temporary.delete(folder);
    },
  };
}
