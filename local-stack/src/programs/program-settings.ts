import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { z } from "zod";
import {
  ConfigError,
  readConfig,
  type ConfigProblem,
} from "../../../service-kit/src/config/read-config.ts";
import { launcherVariables } from "../launcher/config.ts";
import { LOOPBACK } from "../processes/ports.ts";
import type { ServerKind } from "../servers/find-server.ts";
import { SERVER_NAMES, SERVERS } from "../servers/server-table.ts";
import { CHECKOUT } from "../terminal/checkout.ts";
import type { Addresses, Program } from "./programs.ts";

/** The programs' schemas are read from their sources: what they import of ours is not built yet at a first start. */
registerHooks({
  resolve(specifier, context, next) {
    const [, name, path] = /^@shop\/(service-kit|contracts)\/(.+)$/.exec(specifier) ?? [];
    if (path === undefined) return next(specifier, context);
    const folder = name === "contracts" ? "shared-contracts" : name!;
    return next(pathToFileURL(join(CHECKOUT, folder, "src", `${path}.ts`)).href, context);
  },
});

/** What each program reads, by its name. */
export type ProgramVariables = ReadonlyMap<string, z.ZodObject>;

/** As `src/config.ts` of each program says; a program without one reads nothing of the user's. */
export async function loadProgramVariables(
  checkout: string,
  programs: readonly Program[],
): Promise<ProgramVariables> {
  const loaded = new Map<string, z.ZodObject>();
  for (const { name, folder } of programs) {
    const file = join(checkout, folder, "src", "config.ts");
    if (!existsSync(file)) continue;
    const { variables } = (await import(pathToFileURL(file).href)) as { variables: z.ZodObject };
    loaded.set(name, variables);
  }
  return loaded;
}

const PLACES: Record<ServerKind, string> = {
  postgres: "postgres://127.0.0.1:1/database",
  redis: "redis://127.0.0.1:1",
  rabbitmq: "amqp://127.0.0.1:1",
};

/** All settings, before any server starts: one message names every wrong one, of the launcher and of all programs, as the user has set it. */
export function checkSettings(
  programs: readonly Program[],
  variables: ProgramVariables,
  environment: NodeJS.ProcessEnv,
): void {
  const places: Addresses = {
    servers: Object.fromEntries(
      SERVER_NAMES.map((name) => [name, PLACES[SERVERS[name].kind]]),
    ) as Addresses["servers"],
    programs: Object.fromEntries(programs.map(({ name }) => [name, "http://127.0.0.1:1"])),
  };
  const problems = new Map<string, ConfigProblem>();
  const check = (schema: z.ZodObject, settings: NodeJS.ProcessEnv): void => {
    try {
      readConfig(schema, settings, () => undefined);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problems.set(problem.variable, problem);
    }
  };
  check(launcherVariables(programs), environment);
  for (const program of programs) {
    const schema = variables.get(program.name);
    if (schema === undefined) continue;
    check(schema, {
      NODE_ENV: "production",
      ...program.defaults,
      ...userSettings(schema, environment),
      // The launcher gives these.
      HOST: LOOPBACK,
      PORT: undefined,
      ...Object.fromEntries((program.morePorts ?? []).map(({ passAs }) => [passAs, undefined])),
      ...program.env(places),
    });
  }
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
}

/** What of the environment a program reads. */
export const userSettings = (
  schema: z.ZodObject | undefined,
  environment: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.keys(schema?.shape ?? {}).flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
