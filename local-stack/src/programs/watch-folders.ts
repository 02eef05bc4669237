import { readdirSync, watch, type FSWatcher } from "node:fs";
import { join } from "node:path";

/** A change of branch takes folders away while they are looked at: what comes after it is heard as well. */
function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function withSubfolders(folder: string): string[] {
  const entries = unlessGone(() => readdirSync(folder, { recursive: true, withFileTypes: true }));
  if (entries === undefined) return [];
  const below = entries.filter((entry) => entry.isDirectory());
  return [folder, ...below.map(({ parentPath, name }) => join(parentPath, name))];
}

function watchOne(folder: string, onEvent: (file: string | null) => void): FSWatcher | undefined {
  return unlessGone(() =>
    watch(folder, (_, file) => onEvent(file)).on("error", () => onEvent(null)),
  );
}

/**
 * Each folder by itself: Node's recursive watch follows single files on Linux, and loses those that an editor
 * replaces instead of changing.
 */
export function watchFolders(
  roots: readonly string[],
  /** Gets the file's name, where the system gives it. */
  onChange: (file: string | null) => void,
): () => void {
  const watchers = new Map<string, FSWatcher>();

  function watchNewOnes(): void {
    const there = new Set(roots.flatMap(withSubfolders));
    for (const [folder, watcher] of watchers) {
      if (there.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    for (const folder of there) {
      if (watchers.has(folder)) continue;
      const watcher = watchOne(folder, onEvent);
      if (watcher) watchers.set(folder, watcher);
    }
  }

  function onEvent(file: string | null): void {
    watchNewOnes();
    onChange(file);
  }

  watchNewOnes();
  return () => {
    for (const watcher of watchers.values()) watcher.close();
  };
}
