import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { expect, test } from "vitest";
import { CATALOGUE } from "./catalogue.ts";
import { changesNamed, SABOTAGE } from "./sabotage.ts";

const all = [...Object.keys(SABOTAGE), "can-crash", "slow-readers", "short-keep-alive"];
const changed = all.flatMap((name) =>
  Object.entries(changesNamed(name)).flatMap(([seam, exports]) =>
    Object.keys(exports).map((exported) => [seam, exported] as const),
  ),
);

// tsc checks the types; a program loads only the modules that it uses, so a path that is wrong would change nothing.
test.each(changed.filter(([seam]) => seam.includes("/src/")))("%s exports %s", (seam, exported) => {
  const file = join(CHECKOUT, `${seam}.ts`);
  expect(existsSync(file)).toBe(true);
  const declared = new RegExp(`^export (?:async )?(?:const|class|function) ${exported}\\b`, "m");
  expect(readFileSync(file, "utf8")).toMatch(declared);
});

test.each(Object.entries(SABOTAGE))("%s names its drill", (_name, { drill }) => {
  expect(CATALOGUE.map(({ name }) => name)).toContain(drill);
});
