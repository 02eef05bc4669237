import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPrograms } from "local-stack/programs/build";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { temporaryPasswords } from "local-stack/servers/accounts";
import { startPostgres } from "local-stack/servers/postgres";
import { PROGRAMS } from "local-stack/programs/programs";
import { startRabbitmq } from "local-stack/servers/rabbitmq";
import { SERVICE_NAMES } from "@shop/contracts/services";
import type { TestProject } from "vitest/node";
import { LOG_FOLDER } from "./service-process.ts";

/** More than there are test files that need one. */
const VHOSTS = 60;

const logFile = (server: string): string => join(LOG_FOLDER, `test-${server}.log`);

declare module "vitest" {
  interface ProvidedContext {
    postgresUrl: string;
    rabbitmqUrl: string;
    /** Of the services' accounts on it. */
    brokerPasswords: Record<string, string>;
    /** An empty folder: the test file that makes `vhost-7` in it has that vhost. */
    claims: string;
    vhosts: number;
  }
}

/**
 * One PostgreSQL and one RabbitMQ for the whole run; each test file has databases and a vhost of its own on them. The build
 * is for the tests that run a service as a process, to kill it.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const passwordOf = temporaryPasswords();
  const vhosts = Array.from({ length: VHOSTS }, (_, index) => `vhost-${index}`);
  const [postgres, rabbitmq, claims] = await Promise.all([
    startPostgres({ name: "test-postgres", durable: false, logFile: logFile("postgres") }),
    startRabbitmq({
      name: "test-rabbitmq",
      services: SERVICE_NAMES,
      vhosts,
      passwordOf,
      logFile: logFile("rabbitmq"),
      // As on a foreign broker: consumers must survive what ours refuses.
      settings: ["max_message_size = 134217728"],
    }),
    mkdtemp(join(tmpdir(), "shop-claims-")),
    buildPrograms(CHECKOUT, PROGRAMS, new AbortController().signal),
  ]);
  project.provide("postgresUrl", postgres.url);
  project.provide("rabbitmqUrl", rabbitmq.url);
  const passwords = SERVICE_NAMES.map((name) => [name, passwordOf(name)] as const);
  project.provide("brokerPasswords", Object.fromEntries(passwords));
  project.provide("claims", claims);
  project.provide("vhosts", VHOSTS);
  return async () => {
    await Promise.all([postgres.stop(), rabbitmq.stop(), rm(claims, { recursive: true })]);
  };
}
