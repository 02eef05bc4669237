import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnvFile } from "./env-file.ts";
import { readEnvExample } from "commands/reference/env-example";
import { say } from "../terminal/say.ts";

const LARGEST_DISTANCE = 2;

/** Points out names in `.env` that nobody reads and that look like one that somebody does. */
export function sayMisspelledNames(checkout: string): void {
  const file = join(checkout, ".env");
  if (!existsSync(file)) return;
  const names = Object.keys(parseEnvFile(readFileSync(file, "utf8")));
  for (const [name, meant] of misspelledNames(names, knownNames(checkout))) {
    say(`.env: nothing reads ${name}. Did you mean ${meant}?`);
  }
}

/** Every variable of every `.env.example`: of the launcher, of the programs and of the compose file. */
export function knownNames(checkout: string): string[] {
  return [".", ...readdirSync(checkout)]
    .map((folder) => join(checkout, folder, ".env.example"))
    .filter((file) => existsSync(file))
    .flatMap((file) => readEnvExample(readFileSync(file, "utf8")))
    .map(({ name }) => name);
}

/** A name that is like none of them belongs to some other tool. */
export function misspelledNames(
  names: readonly string[],
  known: readonly string[],
): [name: string, meant: string][] {
  return names
    .filter((name) => !known.includes(name))
    .flatMap((name): [string, string][] => {
      const [nearest] = known
        .map((other) => ({ other, distance: editDistance(name.toUpperCase(), other) }))
        .toSorted((one, two) => one.distance - two.distance);
      // Of short names nearly every other one is near.
      const limit = Math.min(LARGEST_DISTANCE, Math.floor(name.length / 3));
      return nearest !== undefined && nearest.distance <= limit ? [[name, nearest.other]] : [];
    });
}

/** How many letters to put in, take out or change. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [done, letter] of from.split("").entries()) {
    const next = [done + 1];
    for (const [index, wanted] of to.split("").entries()) {
      const changed = row[index]! + (letter === wanted ? 0 : 1);
      next.push(Math.min(changed, row[index + 1]! + 1, next[index]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
