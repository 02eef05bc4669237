// A command of its own: node bundle-programs.ts FOLDER…
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rolldown, type Plugin } from "rolldown";
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
  const target = dirname(join(folder, BUNDLE));
  const { output } = await program.generate({
    dir: target,
    sourcemap: "hidden",
    comments: false,
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name].mjs",
    codeSplitting: { groups: [{ name: "packages", test: PACKAGES }] },
  });
  await program.close();

  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const chunks = output.filter((file) => file.type === "chunk");
  // The entry last: where it is, the others are.
  for (const { fileName, code, map } of chunks.toSorted((a, b) => +a.isEntry - +b.isEntry)) {
    const own = map !== null && !map.sources.some((source) => PACKAGES.test(source));
    if (own) writeFileSync(join(target, `${fileName}.map`), map.toString());
    const mapLine = own ? `\n//# sourceMappingURL=${fileName}.map` : "";
    writeFileSync(join(target, fileName), `${code}${mapLine}\n`);
  }
}

for (const folder of process.argv.slice(2)) await bundle(folder);
