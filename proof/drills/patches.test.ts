import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { expect, test } from "vitest";
import { CRASH_POINTS, NO_SWEEPER, SHORT_KEEP_ALIVE, SLOW_READERS } from "./patches.ts";
import { SABOTAGE } from "./sabotage.ts";

const patches = [
  ...Object.values(CRASH_POINTS),
  ...SLOW_READERS,
  ...SHORT_KEEP_ALIVE,
  NO_SWEEPER,
  ...Object.values(SABOTAGE).flatMap((sabotage) => sabotage.patches),
];

// A program looks only into the files that it loads: one that is gone would never be missed.
test.each(patches.map(({ file, find }) => [file, find]))("%s has once: %s", (file, find) => {
  const built = readFileSync(join(CHECKOUT, file), "utf8");
  expect(built.split(find)).toHaveLength(2);
});
