import { flushCompileCache } from "node:module";
import type { AddressInfo, Server } from "node:net";
import { setTimeout as rest } from "node:timers/promises";
import { promisify } from "node:util";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import { ConfigError } from "./config/read-config.ts";
import { within } from "./async/limited-wait.ts";
import type { Logger } from "./log/logger.ts";
import type { HealthReport } from "./observe/health.ts";
import { takeWhatCame } from "./http/take-what-came.ts";

const STOP_LIMIT_MS = 9_500;
/** From the signal on, the time to leave included. */
const HTTP_CLOSE_LIMIT_MS = 4_000;
const LEAVE_MS = {
  /** For what connects just now. */
  least: 300,
  /** For callers that hold connections and ask for nothing. With a broker that hangs, the parts take 8 s of the 9.5. */
  most: 1_000,
};
const LOOK_EVERY_MS = 20;

/** Something that runs beside the requests. Started in the order of the list, stopped in the reverse order. */
export interface Part {
  readonly name: string;
  start(): void | Promise<void>;
  stop(): void | Promise<void>;
}

export interface RunningService {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the parts and listens: who connects finds a service that can work, so that a restart behind the gateway costs no
 * request. `stop` is the way down: not ready → no new requests → the parts, last first.
 */
export async function runService(
  app: NestFastifyApplication,
  options: {
    readonly listen: { readonly host: string; readonly port: number };
    readonly parts: readonly Part[];
    readonly health: HealthReport;
    readonly log: Logger;
  },
): Promise<RunningService> {
  const { listen, parts, health, log } = options;
  for (const part of parts) await part.start();
  try {
    await app.listen({ ...listen, backlog: 1_024 });
  } catch (error) {
    await stopParts(parts, log);
    throw error;
  }
  const server: Server = app.getHttpServer();
  const { port } = server.address() as AddressInfo;
  const url = `http://${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${port}`;
  log.info({ url }, "listening");

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const startedAt = performance.now();
    const elapsed = (): number => performance.now() - startedAt;
    health.markStopping();
    // Answers say `connection: close` from here on, so that callers leave by themselves. Who is still there then is cut when idle.
    await rest(LEAVE_MS.least);
    while (elapsed() < LEAVE_MS.most && (await connectionsOf(server)) > 0)
      await rest(LOOK_EVERY_MS);
    await takeWhatCame(server);
    await within(
      HTTP_CLOSE_LIMIT_MS - elapsed(),
      app.close(),
      () => new Error("requests did not finish in time"),
    ).catch((error: unknown) => log.warn({ err: error }, "stopping all the same"));
    await stopParts(parts, log);
    log.info("stopped");
  };
  return { url, stop: () => (stopping ??= stop()) };
}

function connectionsOf(server: Server): Promise<number> {
  return promisify(server.getConnections.bind(server))();
}

async function stopParts(parts: readonly Part[], log: Logger): Promise<void> {
  for (const part of parts.toReversed()) {
    try {
      await part.stop();
    } catch (error) {
      log.error({ err: error, part: part.name }, "a part did not stop cleanly");
    }
  }
}

/** The whole of a service's `main.ts`: serves until a signal, or with the argument `migrate` makes the tables and ends. */
export async function runServiceProgram(
  command: string | undefined,
  does: { readonly serve: () => Promise<RunningService>; readonly migrate: () => Promise<void> },
): Promise<void> {
  if (command === undefined) return runUntilSignal(does.serve);
  if (command === "migrate") return orExplain(does.migrate);
  process.stderr.write(`There is no command "${command}": give "migrate", or none to serve.\n`);
  process.exit(1);
}

/** Start, stop at a signal, exit 1 on bad configuration. */
export async function runUntilSignal(start: () => Promise<RunningService>): Promise<void> {
  const service = await orExplain(start);
  // Where the launcher keeps compiled code. Node would write it at an orderly end only.
  flushCompileCache();
  const stop = (): void => {
    const limit = within(STOP_LIMIT_MS, service.stop(), () => new Error("not stopped in time"));
    limit.then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function orExplain<T>(work: () => Promise<T>): Promise<T> {
  // In a `then`, since reading the configuration throws before there is a promise.
  return Promise.resolve()
    .then(work)
    .catch((error: unknown) => {
      process.stderr.write(`${explain(error)}\n`);
      process.exit(1);
    });
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "EADDRINUSE") {
    return `${error.message}. Another program listens there: stop it, or set PORT to a free port.`;
  }
  return error.stack ?? error.message;
}
