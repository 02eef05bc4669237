import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.ts";
import type { KeptServer } from "../processes/keep-running.ts";
import type { Program } from "./programs.ts";
import { say, seconds } from "../terminal/say.ts";
import { watchFolders } from "./watch-folders.ts";

// An editor writes a file in several steps, and a checkout many files.
const QUIET_MS = 80;
const NAMES_SHOWN = 3;

export interface Watched {
  checkout: string;
  programs: readonly Program[];
  running: readonly KeptServer[];
  signal: AbortSignal;
}

/** What a workspace runs: a change of types or comments alone leaves it as it is. */
function compiledCode(folder: string): string {
  const dist = join(folder, "dist");
  if (!existsSync(dist)) return "";
  const hash = createHash("sha256");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
  for (const file of files.toSorted()) {
    if (file.endsWith(".js")) hash.update(file).update(readFileSync(join(dist, file)));
  }
  return hash.digest("hex");
}

function namesOf(files: ReadonlySet<string>): string {
  const shown = [...files].slice(0, NAMES_SHOWN);
  if (shown.length === 0) return "Something";
  const more = files.size - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/** After each save: builds, and starts those programs again whose code, or code that they use, became another. */
export async function restartOnChange(watched: Watched): Promise<void> {
  const { checkout, programs, running, signal } = watched;
  const folders = [...new Set(programs.flatMap(({ folder, dependsOn }) => [folder, ...dependsOn]))];
  const compiled = () =>
    new Map(folders.map((folder) => [folder, compiledCode(join(checkout, folder))]));
  let before = compiled();
  const saved = new Set<string>();

  async function rebuild(): Promise<void> {
    const savedAt = Date.now();
    say(`${namesOf(saved)} changed, building …`);
    saved.clear();
    try {
      await build(
        checkout,
        programs.map(({ folder }) => folder),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) say(`${(error as Error).message}\nNothing was restarted.`);
      return;
    }
    const after = compiled();
    const changed = new Set(folders.filter((folder) => before.get(folder) !== after.get(folder)));
    before = after;
    const affected = programs.filter(({ folder, dependsOn }) =>
      [folder, ...dependsOn].some((used) => changed.has(used)),
    );
    if (affected.length === 0)
      say(`Built (${seconds(savedAt)}); no program's code became another.`);
    await Promise.all(affected.map((program) => restart(program, savedAt)));
  }

  async function restart({ name }: Program, savedAt: number): Promise<void> {
    try {
      await running.find(({ server }) => server.name === name)?.restart();
      say(`${name} restarted, ${seconds(savedAt)} after the change.`);
    } catch (error) {
      if (!signal.aborted) say(`${(error as Error).message}. Waiting for the next change.`);
    }
  }

  let timer: NodeJS.Timeout | undefined;
  let work = Promise.resolve();
  const onChange = (file: string | null) => {
    // Beside the sources there are what editors write for themselves.
    if (file?.endsWith(".ts")) saved.add(file);
    clearTimeout(timer);
    timer = setTimeout(() => {
      work = work.then(rebuild);
    }, QUIET_MS);
  };
  const sources = folders.map((folder) => join(checkout, folder, "src")).filter(existsSync);
  const stopWatching = watchFolders(sources, onChange);
  say("Watching for changes.");
  if (!signal.aborted) await once(signal, "abort");
  clearTimeout(timer);
  stopWatching();
  await work;
}
