import { readExample } from "commands/reference/configuration-reference";
import { expect } from "vitest";
import type { z } from "zod";

/** That a program's `.env.example`, and so its reference, tells of every variable with its default, and of no other. */
export function expectEnvExample(
  folder: string,
  schema: z.ZodObject,
  readConfig: (
    environment: Record<string, string>,
  ) => Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>,
): void {
  const told = readExample(folder);
  expect(told.map(({ name }) => name).toSorted()).toEqual(Object.keys(schema.shape).toSorted());
  expect(told.filter(({ meaning }) => meaning === "")).toEqual([]);

  const required = told.filter((variable) => variable.required);
  expect(missingOf(() => readConfig({})).toSorted()).toEqual(
    required.map(({ name }) => name).toSorted(),
  );
  const set = Object.fromEntries(required.map(({ name, value }) => [name, value]));
  const config = readConfig(set);
  const defaults = told.filter((variable) => !variable.required);
  expect(Object.fromEntries(defaults.map(({ name, value }) => [name, value]))).toEqual(
    Object.fromEntries(defaults.map(({ name }) => [name, String(config[name] ?? "")])),
  );
}

/** As the message of a program that does not start names them. */
function missingOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    return [...(error as Error).message.matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name!);
  }
  return [];
}
