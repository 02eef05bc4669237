import { z } from "zod";
import { misspelledNames } from "./misspelled-names.ts";

export interface ConfigProblem {
  readonly variable: string;
  readonly message: string;
}

/** Thrown with one message that names every wrong variable. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, message }) => `  ${variable}: ${message}`);
    super(`The configuration is not valid. Set these environment variables:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

/** Reads the environment through one schema; an empty variable counts as not set. An unknown one that looks like a typing error is pointed out. */
export function readConfig<T extends z.ZodObject>(
  schema: T,
  environment: NodeJS.ProcessEnv,
  pointOut = (line: string): unknown => process.stderr.write(`${line}\n`),
): Readonly<z.infer<T>> {
  for (const [name, meant] of misspelledNames(
    Object.keys(environment),
    Object.keys(schema.shape),
  )) {
    pointOut(`Nothing reads the variable ${name}. Did you mean ${meant}?`);
  }
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = schema.safeParse(given);
  if (result.success) return Object.freeze(result.data);
  throw new ConfigError(
    result.error.issues.map(({ path, message }) => {
      const variable = path.join(".");
      return { variable, message: wrong(variable, given[variable], message) };
    }),
  );
}

function wrong(variable: string, value: string | undefined, message: string): string {
  if (value === undefined) return `is missing (${message})`;
  const shown = withoutSecrets(variable, value);
  return shown === undefined ? message : `${message}, not "${shown}"`;
}

const MOST_SHOWN = 100;

/** Passwords stand in URLs, and in what is named a secret. */
function withoutSecrets(variable: string, value: string): string | undefined {
  if (/SECRET|TOKEN|PASSWORD/.test(variable)) return undefined;
  if (!/_URLS?$/.test(variable)) return value.slice(0, MOST_SHOWN);
  const urls = value.split(",").map((text) => URL.parse(text.trim()));
  if (urls.some((one) => one === null)) return undefined;
  return urls
    .map((one) => {
      if (one!.password !== "") one!.password = "***";
      // It may hold a password as well.
      if (one!.search !== "") one!.search = "?***";
      return one!.href;
    })
    .join(",")
    .slice(0, MOST_SHOWN);
}
