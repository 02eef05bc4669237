import { readEnvFile } from "../../../service-kit/src/config/env-file.ts";
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
