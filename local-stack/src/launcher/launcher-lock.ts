import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { identityOf, isStillRunning, type ProcessIdentity } from "../processes/process-identity.ts";

export const lockPath = (stateFolder: string): string => join(stateFolder, "launcher.json");

function readOwner(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
  } catch {
    return null;
  }
}

/** One launcher for each checkout: two would share ports and data. Hands back what gives the lock back. */
export function takeLauncherLock(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identityOf(process.pid)));
  try {
    const owner = readOwner(path);
    if (owner !== null && isStillRunning(owner)) throw alreadyRuns(owner.pid);
    if (owner !== null) putAside(path, owner);
    // A link appears whole or not at all, and only for one of two that come together.
    linkSync(mine, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw alreadyRuns(readOwner(path)?.pid);
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/** Of one whose owner is gone. Two may have read it, and the first have put its own there meanwhile: that one goes back. */
function putAside(path: string, owner: ProcessIdentity): void {
  const aside = `${path}.${process.pid}.aside`;
  try {
    renameSync(path, aside);
    if (readOwner(aside)?.pid !== owner.pid) linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Whoever took the lock was killed. */
export function isAbandoned(stateFolder: string): boolean {
  const owner = readOwner(lockPath(stateFolder));
  return owner !== null && !isStillRunning(owner);
}

function alreadyRuns(pid: number | undefined): Error {
  return new Error(
    `npm start already runs in this checkout (process ${pid}). Press Ctrl-C there first, or use that one.`,
  );
}
