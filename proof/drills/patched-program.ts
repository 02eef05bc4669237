// Loaded into a program in front of its own code, by NODE_OPTIONS.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { registerHooks } from "node:module";
import type { Patch } from "./patches.ts";
import { patchesNamed } from "./sabotage.ts";

const patches = patchesNamed(process.env["DRILL_PATCHES"] ?? "");
const orders = process.env["DRILL_CRASH_ORDERS"] ?? "";

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const wanted = patches.filter(({ file }) => url.endsWith(file));
    if (wanted.length === 0 || loaded.source === undefined) return loaded;
    return {
      ...loaded,
      source: wanted.reduce(apply, Buffer.from(loaded.source as Buffer).toString()),
    };
  },
});

/** A place that is not there any more must not pass for one that was changed. */
function apply(source: string, { file, find, replace }: Patch): string {
  if (source.split(find).length !== 2) throw new Error(`${file} has not once: ${find}`);
  return source.replace(find, () => replace);
}

/** The file says who dies where: "product-service between commit and ack". Whoever reads it first does. */
function dieIfAsked(point: string): void {
  if (!existsSync(orders)) return;
  const [program, ...words] = readFileSync(orders, "utf8").split(" ");
  if (!process.cwd().endsWith(program!) || words.join(" ") !== point) return;
  rmSync(orders);
  process.kill(process.pid, "SIGKILL");
}

Object.assign(globalThis, { dieIfAsked });
