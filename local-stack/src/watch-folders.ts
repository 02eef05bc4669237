import { readdirSync, watch, type FSWatcher } from "node:fs";
import { join } from "node:path";

function withSubfolders(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory());
  return [folder, ...below.map(({ parentPath, name }) => join(parentPath, name))];
}

/**
 * Each folder by itself: Node's recursive watch follows single files on Linux, and loses those that an editor
 * replaces instead of changing.
 */
export function watchFolders(roots: readonly string[], onChange: () => void): () => void {
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
      watchers.set(folder, watch(folder, onEvent));
    }
  }

  function onEvent(): void {
    watchNewOnes();
    onChange();
  }

  watchNewOnes();
  return () => {
    for (const watcher of watchers.values()) watcher.close();
  };
}
