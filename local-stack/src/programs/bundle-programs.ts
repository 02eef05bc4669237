// A command of its own: node bundle-programs.ts FOLDER…
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { rolldown, type OutputChunk, type Plugin } from "rolldown";
import { BUNDLE } from "./programs.ts";

const PACKAGES = /[/\\]node_modules[/\\]/;

/** What tsc wrote, with its map: stack traces name the line of the source. */
const tscOutput: Plugin = {
  name: "tsc-output",
  load(file) {
    if (PACKAGES.test(file)) return null;
    return { code: readFileSync(file, "utf8"), map: readFileSync(`${file}.map`, "utf8") };
  },
};

/** The program's own code, and all of its packages in a second file. These get no map, which would be read at each start. */
async function bundle(folder: string): Promise<void> {
  // What changes from here on may be missing in it: it counts as made now.
  const begun = new Date();
  const target = dirname(join(folder, BUNDLE));
  const program = await rolldown({
    input: join(folder, "dist", "main.js"),
    platform: "node",
    plugins: [tscOutput],
    onLog(level, log, show) {
      // Parts of Nest and drivers of TypeORM that are not installed, and that they do without.
      const known = log.code === "UNRESOLVED_IMPORT" && PACKAGES.test(log.id ?? "");
      if (!known) show(level, log);
    },
  });
  const { output } = await program.generate({
    dir: target,
    sourcemap: "hidden",
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name].mjs",
    codeSplitting: { groups: [{ name: "packages", test: PACKAGES }] },
  });
  await program.close();
  const made = mkdtempSync(`${target}-`);
  for (const file of output) if (file.type === "chunk") writeChunk(made, file);
  utimesSync(join(made, basename(BUNDLE)), begun, begun);
  putInPlace(made, target);
}

function writeChunk(folder: string, { fileName, code, map }: OutputChunk): void {
  const own = map !== null && !map.sources.some((source) => PACKAGES.test(source));
  if (own) writeFileSync(join(folder, `${fileName}.map`), map.toString());
  const mapLine = own ? `\n//# sourceMappingURL=${fileName}.map` : "";
  writeFileSync(join(folder, fileName), `${code}${mapLine}\n`);
}

/** Whole at once: a program may start, and another build be at work, at the same time. */
function putInPlace(made: string, target: string): void {
  const old = `${made}-old`;
  try {
    if (existsSync(target)) renameSync(target, old);
    renameSync(made, target);
  } catch (error) {
    // Somebody else's was put there in between: it is made of the same.
    if (!existsSync(target)) throw error;
    rmSync(made, { recursive: true, force: true });
  }
  rmSync(old, { recursive: true, force: true });
}

for (const folder of process.argv.slice(2)) await bundle(folder);
