import type { IncomingHttpHeaders } from "node:http";
import { Pool } from "undici";
import type { Logger } from "@shop/service-kit/log/logger";
import { Breaker } from "./breaker.ts";

/** A host that answers nothing at all is left for another instance, long before the request's own time is up. */
export const CONNECT_LIMIT_MS = 1_000;
/** Well below the services' 65 s: it is never the service that closes a connection that is about to be used. */
const FREE_SOCKET_MS = 5_000;
const MAX_SOCKETS = 256;
/** One may hang, and the next question does not wait for it. */
const HEALTH_SOCKETS = 2;
/** A service that stops says so for a third of this, and is gone then. */
const LEAVING_MS = 1_000;

/** One process of a service, and the connections to it. */
export interface Instance {
  readonly url: string;
  /** For a second try there are new connections: those that were kept may all be as dead as the first. */
  poolFor(again: boolean): Pool;
  /** For asking whether it is ready: in line behind everybody else, a service that is ready would look down. */
  readonly healthPool: Pool;
  readonly breaker: Breaker;
  /** Said in one of its last answers: it is about to stop, and asked only when there is no other. */
  readonly isLeaving: boolean;
  /** What the head of an answer tells about the connections to it. */
  heed(headers: IncomingHttpHeaders, again: boolean): void;
  close(): Promise<void>;
}

export function connectInstance(url: string, log: Logger): Instance {
  const { origin } = new URL(url);
  let kept = createPool(origin);
  const fresh = createPool(origin, { pipelining: 0 });
  const healthPool = createPool(origin, { connections: HEALTH_SOCKETS });
  const pools = new Set([kept, fresh, healthPool]);
  let leavingUntil = 0;

  /** Those at work end their request. */
  const dropFree = async (): Promise<void> => {
    const left = kept;
    pools.add((kept = createPool(origin)));
    await left.close();
    pools.delete(left);
  };

  return {
    url: origin,
    poolFor: (again) => (again ? fresh : kept),
    healthPool,
    breaker: new Breaker((isClosed) => {
      if (isClosed) log.info({ instance: origin }, "an instance answers again");
      else log.warn({ instance: origin }, "an instance does not answer and is left out");
    }),
    get isLeaving() {
      return leavingUntil !== 0 && performance.now() < leavingUntil;
    },
    heed(headers, again) {
      // Over a connection that is not kept it is we who have said so first.
      if (again || headers.connection !== "close") return;
      // It closes the free ones any moment now: a request on its way there would break off.
      if (!this.isLeaving) void dropFree();
      leavingUntil = performance.now() + LEAVING_MS;
    },
    close: async () => {
      await Promise.all(Array.from(pools, (pool) => pool.destroy()));
    },
  };
}

/** Without undici's own limits for silence: each call has one from its beginning to its last byte. */
const createPool = (origin: string, options: Pool.Options = {}): Pool =>
  new Pool(origin, {
    connections: MAX_SOCKETS,
    connect: { timeout: CONNECT_LIMIT_MS },
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: FREE_SOCKET_MS,
    keepAliveMaxTimeout: FREE_SOCKET_MS,
    ...options,
  });
