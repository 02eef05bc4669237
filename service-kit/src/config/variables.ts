import { z } from "zod";

/** Kinds of environment variables, each with the message that its wrong value gets. */

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
  NODE_ENV: z.enum(["production", "development", "test"]).default("production"),
  HOST: z.string().default("127.0.0.1"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  LOG_EVENTS: flag.prefault("false"),
  /** Set for all programs or for none: with it, a service answers those only that show it. */
  INTERNAL_TOKEN: secret.optional(),
};

/** Where a service's database is, and who may change its tables. */
export const databaseVariables = {
  DATABASE_URL: url("postgres:", "postgresql:"),
  MIGRATION_DATABASE_URL: url("postgres:", "postgresql:").optional(),
};

/** What every service reads. */
export const serviceVariables = {
  ...programVariables,
  ...databaseVariables,
  DATABASE_POOL_SIZE: count({ min: 2, max: 200 }).prefault("10"),
  RABBITMQ_URL: url("amqp:", "amqps:"),
};

/** What a service with a Redis of its own reads as well. */
export const redisVariables = { REDIS_URL: url("redis:", "rediss:") };

export type ServiceConfig = z.infer<z.ZodObject<typeof serviceVariables>> &
  Partial<z.infer<z.ZodObject<typeof redisVariables>>>;
