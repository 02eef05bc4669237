import { existsSync, readFileSync } from "node:fs";

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/;

/** Plain KEY=VALUE lines; `#` begins a comment line; quotes around a value are dropped. */
export function parseEnvFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = LINE.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    values[key] = value.replace(/^(["'])(.*)\1$/, "$2");
  }
  return values;
}

/** What is set already wins, so that `PORT=1 npm start` does what it says. */
export function withEnvFile(path: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (!existsSync(path)) return env;
  return { ...parseEnvFile(readFileSync(path, "utf8")), ...env };
}
