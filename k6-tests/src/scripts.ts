import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";

export const K6_TESTS = join(CHECKOUT, "k6-tests");

/** Every script by its name: the files of the folder. */
export function scriptNames(): string[] {
  return readdirSync(K6_TESTS)
    .filter((file) => file.endsWith(".js"))
    .map((file) => file.replace(/\.js$/, ""))
    .toSorted();
}
