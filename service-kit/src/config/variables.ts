import { z } from "zod";

/**
 * Kinds of environment variables, each with the message that its wrong value gets. A description stands on each variable: `npm run docs`
 * writes `.env.example` and docs/configuration.md from them.
 */

export const port = z
  .string("a port")
  .regex(/^\d{1,5}$/, "must be a port, 0 to 65535")
  .transform(Number)
  .refine((value) => value <= 65_535, "must be a port, 0 to 65535");

export const milliseconds = (rule: { min: number; max: number }) =>
  integer(`milliseconds, ${rule.min} to ${rule.max}`, rule);

export const count = (rule: { min: number; max: number }) =>
  integer(`a whole number, ${rule.min} to ${rule.max}`, rule);

function integer(what: string, { min, max }: { min: number; max: number }) {
  return z
    .string(what)
    .regex(/^\d{1,12}$/, `must be ${what}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be ${what}`);
}

export const flag = z
  .enum(["true", "false"], "must be true or false")
  .transform((value) => value === "true");

export const oneOf = <const Value extends string>(...values: [Value, ...Value[]]) =>
  z.enum(values, `must be one of ${values.join(", ")}`);

export const url = (...protocols: string[]) => {
  const what = `a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`;
  return z
    .string(what)
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
      `must be ${what}`,
    );
};

const INSTANCES = "http:// or https:// URLs without a path, with commas between them";

/** One URL for each instance of a service. */
export const instances = z
  .string(INSTANCES)
  .transform((text) => text.split(",").map((entry) => entry.trim()))
  .refine((urls) => urls.every(isOrigin), `must be ${INSTANCES}`);

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, username } = new URL(text);
  return /^https?:$/.test(protocol) && pathname === "/" && search === "" && username === "";
}

const MIN_SECRET_CHARACTERS = 32;

export const secret = z
  .string("a secret")
  .regex(
    new RegExp(`^[\\x21-\\x7e]{${MIN_SECRET_CHARACTERS},}$`),
    `must have ${MIN_SECRET_CHARACTERS} or more visible ASCII characters`,
  );

/** What every program of the shop reads. */
export const programVariables = {
  NODE_ENV: oneOf("production", "development", "test")
    .prefault("production")
    .describe("production, development or test."),
  HOST: z
    .string()
    .default("127.0.0.1")
    .describe("The address to listen on. Services are never published."),
  LOG_LEVEL: oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent")
    .prefault("info")
    .describe("trace, debug, info, warn, error, fatal or silent."),
  LOG_EVENTS: flag
    .prefault("false")
    .describe("true: one line at info for each request or event; else at debug."),
  INTERNAL_TOKEN: secret
    .optional()
    .describe(
      "The same for all programs, 32 characters or more: with it a service answers only callers that show it. Needed with AUTH=jwt.",
    ),
};

/** Where a service's database is, and who may change its tables. */
export const databaseVariables = {
  DATABASE_URL: url("postgres:", "postgresql:")
    .describe("The service's own PostgreSQL, with an account that reads and writes rows.")
    .meta({ example: "postgres://user:password@localhost:5432/database" }),
  MIGRATION_DATABASE_URL: url("postgres:", "postgresql:")
    .optional()
    .describe(
      "The account that owns the tables: with it the service makes them when it starts. Better not here: run the command `migrate` with it first.",
    ),
};

/** What every service reads. */
export const serviceVariables = {
  ...programVariables,
  ...databaseVariables,
  DATABASE_POOL_SIZE: count({ min: 2, max: 200 })
    .prefault("10")
    .describe("Connections to PostgreSQL, 2 to 200."),
  RABBITMQ_URL: url("amqp:", "amqps:")
    .describe("The broker that all services share.")
    .meta({ example: "amqp://user:password@localhost:5672" }),
};

/** What a service with a Redis of its own reads as well. */
export const redisVariables = {
  REDIS_URL: url("redis:", "rediss:")
    .describe("The service's own Redis.")
    .meta({ example: "redis://localhost:6379" }),
};

export type ServiceConfig = z.infer<z.ZodObject<typeof serviceVariables>> &
  Partial<z.infer<z.ZodObject<typeof redisVariables>>>;
