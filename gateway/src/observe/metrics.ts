import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { InFlight } from "../exchange/in-flight.ts";
import { latencyHistogram } from "./latency-histogram.ts";
import type { SigningKeys } from "../tokens/signing-keys.ts";
import type { BreakerState } from "../upstream/breaker.ts";
import type { Upstreams } from "../upstream/upstream.ts";

const BREAKER_VALUES: Readonly<Record<BreakerState, number>> = {
  closed: 0,
  "half-open": 1,
  open: 2,
};

export type GatewayMetrics = ReturnType<typeof createMetrics>;

/** What the gateway counts about itself; each gateway has a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers });
  const parts = counter("bff_parts_missing_total", "Optional parts that were left out", "part");

  return {
    registry,
    shed: counter("requests_shed_total", "Requests refused because too many were at work"),
    cut: counter("connections_cut_total", "Connections cut because too much waited on them"),
    limited: counter("requests_limited_total", "Requests refused by the rate limit"),
    retried: counter("upstream_retries_total", "Requests that were sent a second time"),
    keyFetchFailed: counter(
      "signing_keys_fetch_failures_total",
      "Times that the keys of the tokens' issuer could not be fetched",
    ),
    missing: (part: string) => parts.inc({ part }),
    answered: latencyHistogram(registry, {
      name: "http_request_seconds",
      help: "Time to answer a request",
      labelNames: ["method", "route", "status"],
    }),
    called: latencyHistogram(registry, {
      name: "upstream_request_seconds",
      help: "Time that a service took for its whole answer, or for failing to give one",
      labelNames: ["service", "outcome"],
    }),
    watchSigningKeys: signingKeysWatcher(registry),
    watch: (upstreams: Upstreams, inFlight: InFlight, waiting: { readonly sum: number }) => {
      watchBreakers(registry, upstreams);
      watchInFlight(registry, inFlight);
      watchWaiting(registry, waiting);
    },
  };
}

function watchBreakers(registry: Registry, upstreams: Upstreams): void {
  const state: Gauge = new Gauge({
    name: "upstream_breaker_state",
    help: "0: requests go there, 1: one may try, 2: left out",
    labelNames: ["service", "instance"],
    registers: [registry],
    collect: () => {
      for (const [service, { instances }] of Object.entries(upstreams)) {
        for (const { url, breaker } of instances) {
          state.set({ service, instance: url }, BREAKER_VALUES[breaker.state]);
        }
      }
    },
  });
}

function watchInFlight(registry: Registry, inFlight: InFlight): void {
  const gauge: Gauge = new Gauge({
    name: "requests_in_flight",
    help: "Requests whose body is on its way, that are worked on, or whose answer is not read yet",
    labelNames: ["phase"],
    registers: [registry],
    collect: () => {
      for (const [phase, count] of Object.entries(inFlight)) gauge.set({ phase }, count);
    },
  });
}

function watchWaiting(registry: Registry, waiting: { readonly sum: number }): void {
  const gauge: Gauge = new Gauge({
    name: "waiting_bytes",
    help: "Bytes of bodies on their way, and of answers that are not read yet",
    registers: [registry],
    collect: () => gauge.set(waiting.sum),
  });
}

/** Exported without keys too, as NaN, so that a dashboard finds it. */
function signingKeysWatcher(registry: Registry): (keys: SigningKeys) => void {
  let watched: SigningKeys | undefined;
  const age: Gauge = new Gauge({
    name: "signing_keys_age_seconds",
    help: "Since the keys of the tokens' issuer were fetched; they are fetched when a token needs them",
    registers: [registry],
    collect: () => age.set((watched?.ageMs ?? NaN) / 1_000),
  });
  return (keys) => {
    watched = keys;
  };
}
