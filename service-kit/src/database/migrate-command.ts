import { z } from "zod";
import { readConfig } from "../config/read-config.ts";
import { databaseVariables, programVariables } from "../config/variables.ts";
import { createLogger } from "../log/logger.ts";
import type { Schema } from "./data-source.ts";
import { migrate } from "./migrate.ts";

const variables = z.object({ LOG_LEVEL: programVariables.LOG_LEVEL, ...databaseVariables });

/** The command `migrate` of a service: makes or changes the tables, and ends. It needs nothing but the database. */
export async function migrateByCommand(
  name: string,
  schema: Schema,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const config = readConfig(variables, environment);
  const applied = await migrate(name, config, schema);
  const log = createLogger({ name, level: config.LOG_LEVEL });
  log.info({ migrationsApplied: applied }, "the tables are up to date");
}
