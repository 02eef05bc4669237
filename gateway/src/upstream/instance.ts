import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Pool } from "undici";
import type { Logger } from "@shop/service-kit/log/logger";
import { Breaker } from "./breaker.ts";

/** Well below the services' 65 s: it is never the service that closes a connection that is about to be used. */
const FREE_SOCKET_MS = 5_000;
const MAX_SOCKETS = 256;

/** One process of a service, and the connections to it. */
export interface Instance {
  readonly url: string;
  /** For the proxy. Plain parts: a URL would be looked through again for every request. */
  readonly target: { protocol: string; host: string; port: string };
  readonly agent: HttpAgent;
  /** For a second try: connections that were kept may all be as dead as the first. */
  readonly freshAgent: HttpAgent;
  /** For the calls that the gateway makes itself. */
  readonly pool: Pool;
  readonly breaker: Breaker;
  close(): Promise<void>;
}

export function connectInstance(url: string, log: Logger): Instance {
  const { origin, protocol, hostname, port } = new URL(url);
  const secure = protocol === "https:";
  const Agent = secure ? HttpsAgent : HttpAgent;
  const freshAgent = new Agent({ keepAlive: false, maxSockets: MAX_SOCKETS });
  const agent = new Agent({
    keepAlive: true,
    timeout: FREE_SOCKET_MS,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_SOCKETS,
  });
  const pool = new Pool(origin, {
    connections: MAX_SOCKETS,
    pipelining: 1,
    keepAliveTimeout: FREE_SOCKET_MS,
    keepAliveMaxTimeout: FREE_SOCKET_MS,
  });
  return {
    url: origin,
    target: {
      protocol,
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? (secure ? "443" : "80") : port,
    },
    agent,
    freshAgent,
    pool,
    breaker: new Breaker((isClosed) => {
      if (isClosed) log.info({ instance: origin }, "an instance answers again");
      else log.warn({ instance: origin }, "an instance does not answer and is left out");
    }),
    close: async () => {
      agent.destroy();
      freshAgent.destroy();
      await pool.destroy();
    },
  };
}
