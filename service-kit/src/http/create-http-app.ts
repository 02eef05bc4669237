import type { DynamicModule } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { LOGGER, type Logger } from "../log/logger.ts";
import { HealthReport } from "../observe/health.ts";
import { Metrics } from "../observe/metrics.ts";
import { admitInternalCallers, INTERNAL_TOKEN } from "./internal-callers.ts";
import { parseJsonBodies } from "./json-body.ts";
import { MAX_BODY_BYTES } from "./strict-json.ts";
import { nestLogger } from "./nest-logger.ts";
import { answerBadPath, followRequests } from "./request-hooks.ts";

/** The keep-alive time is far above the gateway agent's, so that it is never the service that closes a socket in use. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Node looks every 30 s by default: a head could take 39 s. */
const CHECKING_MS = 1_000;
const MAX_PARAM_CHARACTERS = 300;
/** Far more than the gateway takes: what it adds and escapes must never make a head too long, which would look broken to it. */
const MAX_HEAD_BYTES = 65_536;

/** A Nest application on Fastify that speaks the contract; it does not listen yet. `module` has the kit. */
export async function createHttpApp(module: DynamicModule): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    http: {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECKING_MS,
    },
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS },
    frameworkErrors: answerBadPath,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bufferLogs: true,
    bodyParser: false,
    abortOnError: false,
    forceCloseConnections: false,
  });
  const log: Logger = app.get(LOGGER);
  app.useLogger(nestLogger(log));
  const fastify = adapter.getInstance();
  parseJsonBodies(fastify);
  const { http } = app.get(Metrics);
  followRequests(fastify, { log, observer: http, health: app.get(HealthReport) });
  admitInternalCallers(fastify, app.get<string | null>(INTERNAL_TOKEN));
  return app;
}
