import { Pool, type Dispatcher } from "undici";
import { isCallersFault, NotSent } from "./failures.ts";
import type { Place, ServiceCall } from "./service-call.ts";

/**
 * A host that answers nothing at all is left for another instance, long before the request's own time is up. undici's clock for this
 * is a coarse one: it may be half as much again.
 */
export const CONNECT_LIMIT_MS = 1_000;
/** Well below the services' 65 s: it is never the service that closes a connection that is about to be used. */
const FREE_SOCKET_MS = 5_000;
/** For a service that says when it closes idle connections: this much earlier. */
const BEFORE_SERVICE_MS = 1_000;

export type ServiceRequest = Pick<Dispatcher.DispatchOptions, "method" | "path" | "body"> & {
  readonly headers: Record<string, string>;
};

export interface ConnectionOptions {
  /** At once; whoever comes then waits in line. */
  readonly most: number;
  readonly areKept: boolean;
}

/**
 * The connections to one instance, and the line of those that wait for one. undici has a line as well, which nobody can leave: a call
 * that has ended meanwhile would take its turn in it all the same, and cost the connection that it gets.
 */
export class Connections implements Place {
  private readonly pools = new Set<Pool>();
  private readonly line = new Map<ServiceCall, ServiceRequest>();
  private pool: Pool;
  private atWork = 0;
  private isClosed = false;

  constructor(
    private readonly origin: string,
    private readonly options: ConnectionOptions,
  ) {
    this.pool = this.openPool();
  }

  send(call: ServiceCall, request: ServiceRequest): void {
    call.place = this;
    if (this.atWork < this.options.most) this.start(call, request);
    else this.line.set(call, request);
  }

  forget(call: ServiceCall): void {
    this.line.delete(call);
  }

  done(failure?: Error): void {
    this.atWork -= 1;
    // undici never again uses the connection that it had meant for a request which it then finds invalid.
    if (isCallersFault(failure)) this.renew();
    const [next] = this.line;
    if (next === undefined) return;
    this.line.delete(next[0]);
    this.start(...next);
  }

  /** Those that are free are closed; the others end their request. */
  renew(): void {
    if (this.isClosed) return;
    const left = this.pool;
    this.pool = this.openPool();
    left.close().then(
      () => this.pools.delete(left),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const call of this.line.keys()) call.end(new NotSent(new Error("the gateway has ended")));
    await Promise.all(Array.from(this.pools, (pool) => pool.destroy()));
  }

  private start(call: ServiceCall, request: ServiceRequest): void {
    this.atWork += 1;
    this.pool.dispatch(request, call);
  }

  /** Without undici's own limits for silence: each call has one from its beginning to its last byte. */
  private openPool(): Pool {
    const { most, areKept } = this.options;
    const pool = new Pool(this.origin, {
      connections: most,
      pipelining: areKept ? 1 : 0,
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
