import {
  Counter,
  Gauge,
  Registry,
  collectDefaultMetrics,
  type GaugeConfiguration,
} from "prom-client";
import type { InFlight } from "../exchange/exchange.ts";
import { latencyHistogram } from "./latency-histogram.ts";

const BREAKER_VALUES = { closed: 0, "half-open": 1, open: 2 } as const;

/** What the gauges read whenever the metrics are read. */
interface Watched {
  readonly upstreams: Readonly<Record<string, { readonly instances: readonly WatchedInstance[] }>>;
  readonly inFlight: InFlight;
  readonly waiting: { readonly sum: number };
}

interface WatchedInstance {
  readonly url: string;
  readonly breaker: { readonly state: keyof typeof BREAKER_VALUES };
}

export type GatewayMetrics = ReturnType<typeof createMetrics>;

/** What the gateway counts about itself; each gateway has a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers });
  const addGauge = (gauge: GaugeConfiguration<string>): void =>
    registry.registerMetric(new Gauge({ ...gauge, registers: [] }));
  const parts = counter("bff_parts_missing_total", "Optional parts that answers lacked", "part");
  let keysAgeMs = (): number | undefined => undefined;
  // Without keys it is NaN, so that a dashboard finds it.
  addGauge({
    name: "signing_keys_age_seconds",
    help: "Since the keys of the tokens' issuer were fetched; they are fetched when a token needs them",
    collect() {
      this.set((keysAgeMs() ?? NaN) / 1_000);
    },
  });

  return {
    registry,
    shed: counter("requests_shed_total", "Requests refused because too many were in flight"),
    cut: counter("connections_cut_total", "Connections cut because too much waited on them"),
    limited: counter("requests_limited_total", "Requests refused by the rate limit"),
    retried: counter("upstream_retries_total", "Requests that were sent a second time"),
    keyFetchFailed: counter(
      "signing_keys_fetch_failures_total",
      "Failures to fetch the keys of the tokens' issuer",
    ),
    missing: (part: string) => parts.inc({ part }),
    answered: latencyHistogram(registry, {
      name: "http_request_seconds",
      help: "Time to answer a request",
      labelNames: ["method", "route", "status"],
    }),
    called: latencyHistogram(registry, {
      name: "upstream_request_seconds",
      help: "Time until a service's answer was whole, or had failed",
      labelNames: ["service", "outcome"],
    }),
    watchSigningKeys: (ageMs: typeof keysAgeMs): void => {
      keysAgeMs = ageMs;
    },
    watch: (watched: Watched): void => addGauges(addGauge, watched),
  };
}

function addGauges(
  addGauge: (gauge: GaugeConfiguration<string>) => void,
  { upstreams, inFlight, waiting }: Watched,
): void {
  addGauge({
    name: "upstream_breaker_state",
    help: "0: closed, requests go there; 1: half-open, one may try; 2: open, left out",
    labelNames: ["service", "instance"],
    collect() {
      for (const [service, { instances }] of Object.entries(upstreams)) {
        for (const { url, breaker } of instances) {
          this.set({ service, instance: url }, BREAKER_VALUES[breaker.state]);
        }
      }
    },
  });
  addGauge({
    name: "requests_in_flight",
    help: "Requests whose body is on its way, that are worked on, or whose answer is not read yet",
    labelNames: ["phase"],
    collect() {
      for (const [phase, count] of Object.entries(inFlight)) this.set({ phase }, count);
    },
  });
  addGauge({
    name: "waiting_bytes",
    help: "Bytes of bodies on their way, and of answers that are not read yet",
    collect() {
      this.set(waiting.sum);
    },
  });
}
