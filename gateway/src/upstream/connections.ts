import { Pool } from "undici";
import { Call, type Answer, type Place, type ServiceRequest } from "./call.ts";
import type { Deadline } from "./deadline.ts";
import { isCallersFault, NotSent } from "./failures.ts";

/**
 * A host that does not react is left for another instance long before the request's deadline. undici's clock for this is a coarse one:
 * it may take half as long again.
 */
export const CONNECT_LIMIT_MS = 1_000;
/** Well below the services' 65 s: the service never closes a connection that is about to be used. */
const FREE_SOCKET_MS = 5_000;
/** For a service that announces when it closes idle connections: this much earlier. */
const BEFORE_SERVICE_MS = 1_000;

export interface ConnectionOptions {
  readonly max: number;
  readonly keepAlive: boolean;
}

/**
 * The connections to one instance, and the queue of calls that wait for one. undici's own queue cannot be left: a call that has ended
 * still takes its turn there and costs the connection that it gets. With eighty of them the first good answer after a hang took 0.8 s.
 */
export class Connections implements Place {
  private readonly pools = new Set<Pool>();
  private readonly queue = new Set<Call>();
  private pool: Pool;
  private inFlight = 0;
  private isClosed = false;

  constructor(
    private readonly origin: string,
    private readonly options: ConnectionOptions,
  ) {
    this.pool = this.openPool();
  }

  request(request: ServiceRequest, deadline: Deadline): Promise<Answer> {
    if (deadline.reason) return Promise.reject(deadline.reason);
    return new Promise((resolve, reject) => {
      const call = new Call({ request, deadline, place: this, resolve, reject });
      if (this.inFlight < this.options.max) this.start(call);
      else this.queue.add(call);
    });
  }

  forget(call: Call): void {
    this.queue.delete(call);
  }

  done(failure?: Error): void {
    this.inFlight -= 1;
    // undici (8.12.4) never again uses a connection that it had meant for a request which it then finds invalid.
    if (isCallersFault(failure)) this.renew();
    const [next] = this.queue;
    if (next === undefined) return;
    this.queue.delete(next);
    this.start(next);
  }

  /** Closes the free connections; the others end their request first. */
  renew(): void {
    if (this.isClosed) return;
    const old = this.pool;
    this.pool = this.openPool();
    old.close().then(
      () => this.pools.delete(old),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const call of this.queue) call.end(new NotSent(new Error("the gateway has ended")));
    await Promise.all(Array.from(this.pools, (pool) => pool.destroy()));
  }

  private start(call: Call): void {
    this.inFlight += 1;
    this.pool.dispatch(call.request, call);
  }

  /** Without undici's limits for silence: the deadline covers each call to its last byte. */
  private openPool(): Pool {
    const { max, keepAlive } = this.options;
    const pool = new Pool(this.origin, {
      connections: max,
      pipelining: keepAlive ? 1 : 0,
      connect: { timeout: CONNECT_LIMIT_MS },
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: FREE_SOCKET_MS,
      keepAliveMaxTimeout: FREE_SOCKET_MS,
      keepAliveTimeoutThreshold: BEFORE_SERVICE_MS,
    });
    this.pools.add(pool);
    return pool;
  }
}
