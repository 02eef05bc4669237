// Loaded into a program in front of its own code, by NODE_OPTIONS: modules that a drill changes get other exports.
import { registerHooks } from "node:module";
import { changesNamed } from "./sabotage.ts";
import type { Seams } from "./seams.ts";

const NAME = process.env["DRILL_CHANGES"] ?? "";
const SABOTAGE = new URL("sabotage.ts", import.meta.url).href;
const MARK = "?changed-by-a-drill=";
const changes = changesNamed(NAME);
const seams = Object.keys(changes) as (keyof Seams)[];

/** Sources are named, builds are run; a package has no folder of ours. */
const isSeam = (seam: string, specifier: string, url: string): boolean =>
  specifier === seam || url.endsWith(`/${seam.replace("/src/", "/dist/")}.js`);

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const seam = seams.find((one) => isSeam(one, specifier, resolved.url));
    // The changed module itself takes the original.
    if (seam === undefined || context.parentURL?.includes(MARK)) return resolved;
    return { ...resolved, url: `${resolved.url}${MARK}${seam}`, format: "module" };
  },
  load(url, context, next) {
    const [original = "", seam] = url.split(MARK);
    if (seam === undefined) return next(url, context);
    const source = moduleInPlaceOf(original, seam as keyof Seams);
    return { format: "module", shortCircuit: true, source };
  },
});

/** Its own exports hide those of the same name that it passes on. */
function moduleInPlaceOf(url: string, seam: keyof Seams): string {
  return [
    `import * as original from ${JSON.stringify(url)};`,
    `import { changesNamed } from ${JSON.stringify(SABOTAGE)};`,
    `export * from ${JSON.stringify(url)};`,
    `const changes = changesNamed(${JSON.stringify(NAME)})[${JSON.stringify(seam)}];`,
    ...Object.keys(changes[seam]!).map(
      (name) => `export const ${name} = changes.${name}(original.${name}, original);`,
    ),
  ].join("\n");
}
