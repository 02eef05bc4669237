import { existsSync, readFileSync } from "node:fs";

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*?)\s*$/;
const QUOTED = /^\s*(["'])(.*?)\1\s*(?:\s#.*)?$/;
const COMMENT = /\s#.*$/;

/** As docker compose reads the same file: `#` begins a comment after a blank only, where `util.parseEnv` would cut a password in two. */
export function readEnvFile(path: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = existsSync(path) ? readFileSync(path, "utf8").split(/\r?\n/) : [];
  for (const line of lines) {
    const [, key, rest] = LINE.exec(line) ?? [];
    if (key === undefined || rest === undefined) continue;
    values[key] = QUOTED.exec(rest)?.[2] ?? rest.replace(COMMENT, "").trim();
  }
  return values;
}
