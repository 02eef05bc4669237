import { z } from "zod";

/** Thrown with one message that names every wrong variable. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Reads the environment through one schema; an empty variable counts as not set. */
export function readConfig<T extends z.ZodType>(
  schema: T,
  environment: NodeJS.ProcessEnv,
): Readonly<z.infer<T>> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = schema.safeParse(given);
  if (result.success) return Object.freeze(result.data);

  const lines = result.error.issues.map(
    ({ path, message }) => `  ${path.join(".")}: ${wrong(given[String(path[0])], message)}`,
  );
  throw new ConfigError(
    `The configuration is not valid. Set these environment variables:\n${lines.join("\n")}`,
  );
}

// The value itself is not shown: a URL may hold a password.
function wrong(value: unknown, message: string): string {
  return value === undefined ? `is missing (${message})` : message;
}
