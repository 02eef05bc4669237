import { existsSync, readFileSync } from "node:fs";
import { misspelledNames } from "../../../service-kit/src/config/misspelled-names.ts";
import { say } from "../terminal/say.ts";

/** What is set already wins, so that `PORT=1 npm start` does what it says. */
export function withEnvFile(path: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...readEnvFile(path), ...env };
}

/** Points out names in `.env` that nothing reads and that look like one that something does. */
export function sayMisspelledNames(path: string, known: readonly string[]): void {
  for (const [name, meant] of misspelledNames(Object.keys(readEnvFile(path)), known)) {
    say(`.env: nothing reads ${name}. Did you mean ${meant}?`);
  }
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*?)\s*$/;
const QUOTED = /^\s*(["'])(.*?)\1\s*(?:\s#.*)?$/;
const COMMENT = /\s#.*$/;

/** As docker compose reads the same file: `#` begins a comment after a blank only, where `util.parseEnv` would cut a password in two. */
function readEnvFile(path: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = existsSync(path) ? readFileSync(path, "utf8").split(/\r?\n/) : [];
  for (const line of lines) {
    const [, key, rest] = LINE.exec(line) ?? [];
    if (key === undefined || rest === undefined) continue;
    values[key] = QUOTED.exec(rest)?.[2] ?? rest.replace(COMMENT, "").trim();
  }
  return values;
}
