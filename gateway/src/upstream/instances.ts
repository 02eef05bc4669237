import type { IncomingHttpHeaders } from "node:http";
import { CircuitBreaker } from "@shop/service-kit/async/breaker";
import type { Logger } from "@shop/service-kit/log/logger";
import type { GatewayConfig } from "../config.ts";
import { SERVICES, type ServiceName } from "../services.ts";
import type { Outgoing } from "./call.ts";
import { Connections } from "./connections.ts";
import {
  blamesInstance,
  brokeOff,
  CallEnded,
  isRefused,
  NotSent,
  TooMany,
  unavailable,
} from "./failures.ts";

const MAX_CONNECTIONS = 256;
/** One may hang, and the next question does not wait for it. */
const MAX_HEALTH_CONNECTIONS = 2;
const BREAKER = { failures: 5, openMs: 1_000 };
/** After a refusal: a try costs no request anything, and an instance that has just started is not kept waiting. */
const REFUSED_OPEN_MS = 100;
/**
 * Twice as long as a service that stops waits for its callers to leave (lifecycle.ts), counted from the last of its answers that says
 * so. After just as long it would be asked again at the very moment when it closes its connections, and a request would break off.
 */
const LEAVING_MS = 2_000;
/** The share of all requests in flight that one service may have: when it hangs, there is room left for the others. */
const SHARE = 0.75;
/** A tenth of the requests may be retried, and 20 saved up: when everything fails, retries must not double the load. */
const RETRIES_PER_REQUEST = 0.1;
const MAX_RETRIES_SAVED = 20;

/** One process of a service, and the connections to it. */
export class Instance {
  readonly url: string;
  /** For the proxy's router. Of a URL, http-proxy-middleware would make another one for each request. */
  readonly target: { readonly protocol: string; readonly host: string };
  readonly breaker: CircuitBreaker;
  /** For health checks: in the queue behind all others, a service that is ready would look down. */
  readonly forHealth: Connections;
  private readonly kept: Connections;
  private readonly fresh: Connections;
  private leavingUntil = 0;

  constructor(url: string, log: Logger) {
    const { origin, protocol, host } = new URL(url);
    this.url = origin;
    this.target = { protocol, host };
    this.kept = new Connections(origin, { max: MAX_CONNECTIONS, keepAlive: true });
    this.fresh = new Connections(origin, { max: MAX_CONNECTIONS, keepAlive: false });
    this.forHealth = new Connections(origin, { max: MAX_HEALTH_CONNECTIONS, keepAlive: true });
    this.breaker = new CircuitBreaker({
      ...BREAKER,
      onOpen: () => log.warn({ instance: origin }, "an instance does not answer and is left out"),
      onClose: () => log.info({ instance: origin }, "an instance answers again"),
    });
  }

  /** A retry gets a new connection: those that were kept may all be as dead as the first. */
  connections(isRetry: boolean): Connections {
    return isRetry ? this.fresh : this.kept;
  }

  /** It said in an answer that it is about to stop; it is asked only when there is no other. */
  get isLeaving(): boolean {
    return this.leavingUntil !== 0 && performance.now() < this.leavingUntil;
  }

  /** Reads in the head of an answer whether the instance leaves. */
  noteHeaders({ connection }: IncomingHttpHeaders, isRetry: boolean): void {
    // On a connection that is not kept, the gateway has asked for the close.
    if (isRetry || connection !== "close") return;
    // It closes the free ones any moment now: a request on its way there would break off.
    if (!this.isLeaving) this.kept.renew();
    this.leavingUntil = performance.now() + LEAVING_MS;
  }

  async close(): Promise<void> {
    await Promise.all([this.kept, this.fresh, this.forHealth].map((each) => each.close()));
  }
}

/** One try at one instance, for the proxy. */
export interface Attempt {
  readonly instance: Instance;
  readonly isRetry: boolean;
  readonly outgoing: Outgoing;
}

export interface Work<T> {
  /** Whether a second time does no harm, as far as the first one got. */
  mayRepeat(): boolean;
  send(instance: Instance, isRetry: boolean): Promise<T>;
}

export interface UpstreamOptions {
  readonly log: Logger;
  readonly metrics: {
    /** How long a try took, and how it ended. */
    called(ms: number, service: string, outcome: "answered" | "failed" | "ended"): void;
    readonly retried: { inc(): void };
  };
  readonly maxInFlight: number;
}

/** A service: its instances in turn, without those that do not answer. */
export class Upstream {
  readonly instances: readonly Instance[];
  private inFlight = 0;
  private retriesLeft = MAX_RETRIES_SAVED;
  private turn = 0;

  constructor(
    readonly name: ServiceName,
    urls: readonly string[],
    private readonly options: UpstreamOptions,
  ) {
    this.instances = urls.map((url) => new Instance(url, options.log));
  }

  get isFull(): boolean {
    return this.inFlight >= this.options.maxInFlight;
  }

  /**
   * Asks one instance. What was not sent goes to the next one. What broke off without an answer is retried once, if it may be and the
   * budget allows it: mostly it met a connection that was being closed.
   */
  async ask<T>(work: Work<T>): Promise<T> {
    if (this.isFull) throw new TooMany();
    this.inFlight += 1;
    if (this.retriesLeft < MAX_RETRIES_SAVED) this.retriesLeft += RETRIES_PER_REQUEST;
    const notReached: Instance[] = [];
    let broken: Instance | undefined;
    let last: unknown;
    try {
      for (;;) {
        const instance = this.next(notReached, broken);
        if (instance === undefined) throw last ?? unavailable();
        const startedAt = performance.now();
        try {
          const answer = await work.send(instance, broken !== undefined);
          instance.breaker.succeeded();
          this.options.metrics.called(performance.now() - startedAt, this.name, "answered");
          return answer;
        } catch (error) {
          last = error;
          this.noteFailure(instance, error, startedAt);
          if (error instanceof NotSent) notReached.push(instance);
          else if (brokeOff(error) && !broken && work.mayRepeat() && this.spendRetry()) {
            broken = instance;
          } else throw error;
        }
      }
    } finally {
      this.inFlight -= 1;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.close()));
  }

  /** The next instance whose breaker allows it. One that is leaving, or `broken`, only when there is no other. */
  private next(notReached: readonly Instance[], broken?: Instance): Instance | undefined {
    const { instances, turn } = this;
    let lastChoice: number | undefined;
    for (let step = 0; step < instances.length; step += 1) {
      const at = (turn + step) % instances.length;
      const instance = instances[at]!;
      if (!instance.breaker.allows || notReached.includes(instance)) continue;
      if (instance !== broken && !instance.isLeaving) return this.turnTo(at);
      lastChoice ??= at;
    }
    return lastChoice === undefined ? undefined : this.turnTo(lastChoice);
  }

  private turnTo(at: number): Instance {
    const instance = this.instances[at]!;
    this.turn = (at + 1) % this.instances.length;
    instance.breaker.begin();
    return instance;
  }

  private noteFailure({ breaker }: Instance, error: unknown, startedAt: number): void {
    if (!blamesInstance(error)) breaker.cancelled();
    else breaker.failed(isRefused(error) ? REFUSED_OPEN_MS : undefined);
    const outcome = error instanceof CallEnded ? "ended" : "failed";
    this.options.metrics.called(performance.now() - startedAt, this.name, outcome);
  }

  private spendRetry(): boolean {
    if (this.retriesLeft < 1) return false;
    this.retriesLeft -= 1;
    this.options.metrics.retried.inc();
    return true;
  }
}

export type Upstreams = Readonly<Record<ServiceName, Upstream>>;

export function connectUpstreams(
  config: GatewayConfig,
  parts: Pick<UpstreamOptions, "log" | "metrics">,
): Upstreams {
  const options = { ...parts, maxInFlight: Math.ceil(config.MAX_IN_FLIGHT * SHARE) };
  const connect = (name: ServiceName) => new Upstream(name, config[SERVICES[name]], options);
  const names = Object.keys(SERVICES) as ServiceName[];
  return Object.fromEntries(names.map((name) => [name, connect(name)])) as Upstreams;
}
