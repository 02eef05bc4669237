import type { Logger } from "@shop/service-kit/log/logger";
import type { GatewayConfig } from "../config.ts";
import type { GatewayMetrics } from "../observe/metrics.ts";
import { SERVICES, type ServiceName } from "../services.ts";
import { connectInstance, type Instance } from "./instance.ts";
import { RetryBudget } from "./retry-budget.ts";

/** Of all requests at work, those that one service may hold: when it hangs, there is room left for the others. */
const SHARE = 0.75;

export interface UpstreamOptions {
  readonly log: Logger;
  readonly metrics: Pick<GatewayMetrics, "called" | "retried">;
  readonly mostInFlight: number;
}

/** A service: its instances in turn, those left out that do not answer. */
export class Upstream {
  readonly instances: readonly Instance[];
  private readonly retries = new RetryBudget();
  private inFlight = 0;
  private turn = 0;

  constructor(
    readonly name: ServiceName,
    urls: readonly string[],
    private readonly options: UpstreamOptions,
  ) {
    this.instances = urls.map((url) => connectInstance(url, options.log));
  }

  get isFull(): boolean {
    return this.inFlight >= this.options.mostInFlight;
  }

  /** A request begins. */
  enter(): void {
    this.inFlight += 1;
    this.retries.earn();
  }

  leave(): void {
    this.inFlight -= 1;
  }

  /** The next instance that may be asked and has not refused. One that is leaving, or `broken`, only when there is no other. */
  take(refused: readonly Instance[], broken?: Instance): Instance | undefined {
    const { instances, turn } = this;
    let lastChoice: number | undefined;
    for (let step = 0; step < instances.length; step += 1) {
      const at = (turn + step) % instances.length;
      const instance = instances[at]!;
      if (!instance.breaker.lets || refused.includes(instance)) continue;
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

  /** How long a try took, and how it ended. */
  observe(ms: number, outcome: "answered" | "failed" | "ended"): void {
    this.options.metrics.called(ms, this.name, outcome);
  }

  /** Whether a request may be sent a second time. */
  mayRetry(): boolean {
    const may = this.retries.spend();
    if (may) this.options.metrics.retried.inc();
    return may;
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.close()));
  }
}

export type Upstreams = Readonly<Record<ServiceName, Upstream>>;

export function connectUpstreams(
  config: GatewayConfig,
  parts: Pick<UpstreamOptions, "log" | "metrics">,
): Upstreams {
  const options = { ...parts, mostInFlight: Math.ceil(config.MAX_IN_FLIGHT * SHARE) };
  const connect = (name: ServiceName) => new Upstream(name, config[SERVICES[name]], options);
  const names = Object.keys(SERVICES) as ServiceName[];
  return Object.fromEntries(names.map((name) => [name, connect(name)])) as Upstreams;
}
