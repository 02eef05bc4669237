import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createLogger } from "@shop/service-kit/log/logger";
import type { RunningProgram } from "@shop/service-kit/program";
import type { DestinationStream } from "pino";
import { apiReferenceFiles } from "./api-reference/files.ts";
import type { GatewayConfig } from "./config.ts";
import type { InFlight } from "./exchange/exchange.ts";
import { createAdminServer } from "./listener/admin-server.ts";
import { WaitingBytes, countUnread } from "./listener/waiting-bytes.ts";
import { healthReader } from "./observe/health.ts";
import { createMetrics } from "./observe/metrics.ts";
import { buildPipeline } from "./pipeline.ts";
import { createRateLimit } from "./rate-limit/rate-limit.ts";
import { createHttpServer } from "./server.ts";
import { stopGateway } from "./stop-gateway.ts";
import { tokenVerifier } from "./tokens/token-verifier.ts";
import { headersForServices } from "./upstream/service-headers.ts";
import { connectUpstreams } from "./upstream/instances.ts";
import { createProxy } from "./upstream/proxy.ts";

/** A quarter of the heap that the programs are given. */
const MOST_WAITING_BYTES = 64 * 1_048_576;

export interface RunningGateway extends RunningProgram {
  readonly adminUrl: string;
}

/** Puts the gateway together and listens. */
export async function startGateway(
  config: GatewayConfig,
  options: { readonly logDestination?: DestinationStream } = {},
): Promise<RunningGateway> {
  const log = createLogger({ name: "gateway", level: config.LOG_LEVEL }, options.logDestination);
  const metrics = createMetrics();
  const state = { stopping: false };
  const inFlight: InFlight = { receiving: 0, working: 0, sending: 0 };
  const upstreams = connectUpstreams(config, { log, metrics });
  const headersFor = headersForServices(config);
  const onCut = () => metrics.cut.inc();
  const waiting = new WaitingBytes(MOST_WAITING_BYTES, onCut);
  metrics.watch({ upstreams, inFlight, waiting });
  const onLimited = () => metrics.limited.inc();
  const rateLimit = await createRateLimit(config, { log, onLimited });
  const redis = rateLimit?.redis;
  const isStopping = (): boolean => state.stopping;

  const app = buildPipeline({
    trustedProxies: config.TRUST_PROXY,
    accessLog: {
      log,
      everyRequest: config.LOG_EVENTS,
      slowMs: config.SLOW_REQUEST_MS,
      observe: metrics.answered,
    },
    isStopping,
    corsOrigins: config.CORS_ORIGINS,
    shedding: { inFlight, most: config.MAX_IN_FLIGHT },
    waiting,
    errors: { log, onShed: () => metrics.shed.inc() },
    rateLimit,
    tokens: config.AUTH === "jwt" ? tokenVerifier(config, { log, metrics }) : undefined,
    answers: {
      proxy: createProxy({ upstreams, headersFor, deadlineMs: config.UPSTREAM_DEADLINE_MS }),
      upstreams,
      headersFor,
      deadlineMs: config.BFF_DEADLINE_MS,
      onMissing: metrics.missing,
      log,
      files: apiReferenceFiles({ withTokens: config.AUTH === "jwt" }),
      readHealth: healthReader({
        upstreams,
        isStopping,
        optional: redis ? { "rate-limit-redis": () => redis.answers() } : {},
      }),
    },
  });
  countUnread(app, { inFlight, waiting });
  const server = createHttpServer(app, { maxConnections: config.MAX_CONNECTIONS, onCut });
  const admin = createAdminServer(metrics.registry);
  redis?.start();
  const adminUrl = await listen(admin, { host: config.HOST, port: config.ADMIN_PORT });
  const url = await listen(server, { host: config.HOST, port: config.PORT });
  if (config.AUTH === "off") {
    log.warn("AUTH=off: no caller needs a token, and every caller may read and write everything");
  }
  log.info({ url, adminUrl }, "listening");

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    state.stopping = true;
    await stopGateway({ server, admin, upstreams, rateLimit, inFlight, log });
  };
  return { url, adminUrl, stop: () => (stopping ??= stop()) };
}

async function listen(server: Server, at: { host: string; port: number }): Promise<string> {
  server.listen({ ...at, backlog: 1_024 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`;
}
