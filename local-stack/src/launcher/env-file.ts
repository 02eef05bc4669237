import { existsSync, readFileSync } from "node:fs";

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*?)\s*$/;
const QUOTED = /^\s*(["'])(.*?)\1\s*(?:\s#.*)?$/;
const COMMENT = /\s#.*$/;

/** KEY=VALUE lines. `#` at the beginning or after a blank begins a comment, but not in quotes; quotes around a value are dropped. */
export function parseEnvFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, key, rest] = LINE.exec(line) ?? [];
    if (key === undefined || rest === undefined) continue;
    values[key] = QUOTED.exec(rest)?.[2] ?? rest.replace(COMMENT, "").trim();
  }
  return values;
}

/** What is set already wins, so that `PORT=1 npm start` does what it says. */
export function withEnvFile(path: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (!existsSync(path)) return env;
  return { ...parseEnvFile(readFileSync(path, "utf8")), ...env };
}
