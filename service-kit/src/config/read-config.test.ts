import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError, readConfig } from "./read-config.ts";
import {
  count,
  flag,
  milliseconds,
  port,
  redisVariables,
  serviceVariables,
  url,
} from "./variables.ts";

const schema = z.object({
  ...serviceVariables,
  ...redisVariables,
  PORT: port,
  WAIT_MS: milliseconds({ min: 10, max: 5_000 }),
});

const good = {
  DATABASE_URL: "postgres://shop:s3cret@localhost:5432/products",
  REDIS_URL: "redis://localhost",
  RABBITMQ_URL: "amqp://guest:s3cret@localhost",
  PORT: "3001",
  WAIT_MS: "100",
};

function messageOf(environment: Record<string, string | undefined>): string {
  try {
    readConfig(schema, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

describe("when the environment is right", () => {
  test("then it is typed, has its defaults, and nobody can change it", () => {
    const config = readConfig(schema, { ...good, PATH: "/usr/bin", LOG_EVENTS: "true" });
    expect(config).toEqual({
      ...good,
      PORT: 3001,
      WAIT_MS: 100,
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      DATABASE_POOL_SIZE: 10,
      LOG_LEVEL: "info",
      LOG_EVENTS: true,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test("and a variable is empty, then it counts as not set", () => {
    const config = readConfig(schema, { ...good, LOG_LEVEL: "", DATABASE_POOL_SIZE: "", HOST: "" });
    expect(config).toMatchObject({ LOG_LEVEL: "info", DATABASE_POOL_SIZE: 10, HOST: "127.0.0.1" });
    expect(messageOf({ ...good, REDIS_URL: "" })).toContain("REDIS_URL: is missing");
  });
});

describe("when the environment is wrong", () => {
  const everythingWrong = {
    NODE_ENV: "live",
    DATABASE_URL: "mysql://shop:s3cret@localhost/products?password=s3cret",
    DATABASE_POOL_SIZE: "1",
    RABBITMQ_URL: "s3cret",
    LOG_LEVEL: "loud",
    LOG_EVENTS: "yes",
    PORT: "80a",
    WAIT_MS: "9",
  };

  test("then one message names every wrong and every missing variable, once", () => {
    const lines = messageOf(everythingWrong).split("\n").slice(1);
    const named = lines.map((line) => /^ {2}([A-Z_]+): ./.exec(line)?.[1]);
    expect(named).toHaveLength(9);
    expect(new Set(named)).toEqual(new Set([...Object.keys(everythingWrong), "REDIS_URL"]));
    expect(lines.find((line) => line.includes("REDIS_URL"))).toBe(
      "  REDIS_URL: is missing (a URL that starts with redis:// or rediss://)",
    );
    expect(lines.find((line) => line.includes("DATABASE_URL"))).toBe(
      '  DATABASE_URL: must be a URL that starts with postgres:// or postgresql://, not "mysql://shop:***@localhost/products?***"',
    );
    expect(lines.find((line) => line.includes("WAIT_MS"))).toBe(
      '  WAIT_MS: must be milliseconds, 10 to 5000, not "9"',
    );
  });

  test("then values are shown, but no password and no secret", () => {
    const message = messageOf({ ...everythingWrong, INTERNAL_TOKEN: "s3cret" });
    expect(message).toContain("LOG_LEVEL: must be one of trace, debug");
    expect(message).toContain('not "loud"');
    expect(message).toContain("INTERNAL_TOKEN: must have 32 or more");
    expect(message).not.toContain("s3cret");
  });

  test.each([
    ["RABITMQ_URL", "RABBITMQ_URL"],
    ["log_level", "LOG_LEVEL"],
    ["DATABASE_POOLSIZE", "DATABASE_POOL_SIZE"],
  ])("then %s is pointed out as a misspelled %s", (name, meant) => {
    const lines: string[] = [];
    readConfig(schema, { ...good, [name]: "x", PATH: "x", HOME: "x" }, (line) => lines.push(line));
    expect(lines).toEqual([`Nothing reads the variable ${name}. Did you mean ${meant}?`]);
  });

  test("and nothing is set, then all that has no default is missing", () => {
    const message = messageOf({});
    for (const name of ["DATABASE_URL", "REDIS_URL", "RABBITMQ_URL", "PORT", "WAIT_MS"]) {
      expect(message).toContain(`${name}: is missing`);
    }
  });
});

describe("each kind of variable", () => {
  test.each<[string, z.ZodType, string, unknown]>([
    ["a port", port, "0", 0],
    ["a port", port, "65535", 65_535],
    ["a count", count({ min: 2, max: 200 }), "200", 200],
    ["a flag", flag, "false", false],
    ["a URL", url("http:"), "http://localhost:3001", "http://localhost:3001"],
  ])("%s takes %s", (_what, kind, text, value) => {
    expect(kind.parse(text)).toBe(value);
  });

  test.each<[string, z.ZodType, string]>([
    ["a port", port, "65536"],
    ["a port", port, "-1"],
    ["a port", port, "80 "],
    ["a port", port, "0x50"],
    ["a port", port, "1e3"],
    ["a count", count({ min: 2, max: 200 }), "1"],
    ["a count", count({ min: 2, max: 200 }), "201"],
    ["a count", count({ min: 2, max: 200 }), "2.5"],
    ["a count", count({ min: 0, max: 9 }), ""],
    ["milliseconds", milliseconds({ min: 0, max: 10 }), "10s"],
    ["a flag", flag, "TRUE"],
    ["a flag", flag, "1"],
    ["a URL", url("http:"), "localhost:3001"],
    ["a URL", url("http:"), "https://localhost"],
    ["a URL", url("http:"), "http://"],
  ])("%s does not take %j", (_what, kind, text) => {
    expect(kind.safeParse(text).success).toBe(false);
  });
});
