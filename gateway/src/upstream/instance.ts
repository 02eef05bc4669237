import { Agent as HttpAgent, type IncomingHttpHeaders } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Pool } from "undici";
import type { Logger } from "@shop/service-kit/log/logger";
import { Breaker } from "./breaker.ts";
import { CONNECT_LIMIT_MS, limitConnecting } from "./connect-limit.ts";
import { FREE_SOCKET_MS, createServiceAgent, type ServiceAgent } from "./service-agent.ts";

const MAX_SOCKETS = 256;
/** One may hang, and the next question does not wait for it. */
const HEALTH_SOCKETS = 2;
/** A service that stops says so for a third of this, and is gone then. */
const LEAVING_MS = 1_000;

/** One process of a service, and the connections to it. */
export interface Instance {
  readonly url: string;
  /** For the proxy. Plain parts: a URL would be looked through again for every request. */
  readonly target: { protocol: string; host: string; port: string };
  readonly kept: ServiceAgent;
  /** For a second try: connections that were kept may all be as dead as the first. */
  readonly fresh: HttpAgent;
  /** For the calls that the gateway makes itself. */
  readonly pool: Pool;
  /** For asking whether it is ready: in line behind a busy BFF, a service that is ready would look down. */
  readonly healthPool: Pool;
  readonly breaker: Breaker;
  /** Said in one of its last answers: it is about to stop, and asked only when there is no other. */
  readonly isLeaving: boolean;
  /** What the head of an answer tells about the connections to it. */
  heed(headers: IncomingHttpHeaders): void;
  close(): Promise<void>;
}

export function connectInstance(url: string, log: Logger): Instance {
  const { origin, protocol, hostname, port } = new URL(url);
  const secure = protocol === "https:";
  const limits = { maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_SOCKETS };
  const kept = createServiceAgent(secure, limits);
  const Agent = secure ? HttpsAgent : HttpAgent;
  const fresh = limitConnecting(new Agent({ ...limits, keepAlive: false }), secure);
  const pool = createPool(origin, MAX_SOCKETS);
  const healthPool = createPool(origin, HEALTH_SOCKETS);
  let leavingUntil = 0;
  return {
    url: origin,
    target: {
      protocol,
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? (secure ? "443" : "80") : port,
    },
    kept,
    fresh,
    pool,
    healthPool,
    breaker: new Breaker((isClosed) => {
      if (isClosed) log.info({ instance: origin }, "an instance answers again");
      else log.warn({ instance: origin }, "an instance does not answer and is left out");
    }),
    get isLeaving() {
      return leavingUntil !== 0 && performance.now() < leavingUntil;
    },
    heed: (headers) => {
      kept.heed(headers["keep-alive"]);
      if (headers.connection !== "close") return;
      leavingUntil = performance.now() + LEAVING_MS;
      // It closes them any moment now: a request on its way there would break off.
      kept.dropFree();
    },
    close: async () => {
      kept.close();
      fresh.destroy();
      await Promise.all([pool.destroy(), healthPool.destroy()]);
    },
  };
}

const createPool = (origin: string, connections: number): Pool =>
  new Pool(origin, {
    connections,
    pipelining: 1,
    connect: { timeout: CONNECT_LIMIT_MS },
    keepAliveTimeout: FREE_SOCKET_MS,
    keepAliveMaxTimeout: FREE_SOCKET_MS,
  });
