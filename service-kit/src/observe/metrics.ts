import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { HttpObserver } from "../http/request-hooks.ts";
import type { ConsumerObserver } from "../messaging/handle-batch.ts";
import type { RelayObserver } from "../outbox/relay.ts";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const BATCHES = [1, 2, 5, 10, 25, 50, 100, 200, 300];

type Readings = readonly (readonly [which: string, value: number])[];

export type { Counter } from "prom-client";

/** What a service counts about itself; each service instance has a registry of its own. */
export class Metrics {
  readonly registry = new Registry();
  readonly http: HttpObserver;
  readonly relay: RelayObserver;
  readonly consumer: ConsumerObserver;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.http = this.httpObserver();
    this.relay = this.relayObserver();
    this.consumer = this.consumerObserver();
  }

  /** A gauge that is asked when somebody looks. What can't be read just then is NaN, and hides none of the others. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: async () => gauge.set(await Promise.resolve(read()).catch(() => NaN)),
    });
  }

  /** One for each of several things, told apart by a label. */
  gaugeOfEach(
    name: string,
    help: string,
    { label, read }: { label: string; read: () => Readings | Promise<Readings> },
  ): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: async () => {
        // What can't be read just then hides none of the others.
        const readings = await Promise.resolve(read()).catch(() => []);
        for (const [which, value] of readings) gauge.set({ [label]: which }, value);
      },
    });
  }

  counter<L extends string = string>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram(
    name: string,
    help: string,
    buckets: number[],
    labelNames: string[] = [],
  ): Histogram {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }

  private httpObserver(): HttpObserver {
    const duration = this.histogram("http_request_seconds", "Time to answer a request", SECONDS, [
      "method",
      "route",
      "status",
    ]);
    return {
      answered: (route, method, status, ms) =>
        duration.observe({ method, route, status }, ms / 1_000),
    };
  }

  private relayObserver(): RelayObserver {
    const published = this.counter(
      "events_published_total",
      "Events that the broker has confirmed",
    );
    const unpublished = this.counter(
      "events_unpublished_total",
      "Tries to publish an event that did not succeed; the outbox keeps it",
      ["outcome"],
    );
    return {
      published: (count) => published.inc(count),
      unpublished: (outcome, count) => {
        if (count > 0) unpublished.inc({ outcome }, count);
      },
    };
  }

  private consumerObserver(): ConsumerObserver {
    const size = this.histogram("event_batch_messages", "Messages in a batch", BATCHES);
    const duration = this.histogram("event_batch_seconds", "Time to handle a batch", SECONDS);
    const dead = this.counter("messages_dead_lettered_total", "Messages that were dead-lettered");
    const retried = this.counter(
      "event_batch_retries_total",
      "Batches that waited for the database",
    );
    const deferred = this.counter(
      "messages_deferred_total",
      "Messages put off because another transaction has locked their row",
    );
    return {
      deferred: (count) => deferred.inc(count),
      consumed: (count, ms) => {
        size.observe(count);
        duration.observe(ms / 1_000);
      },
      deadLettered: () => dead.inc(),
      retried: () => retried.inc(),
    };
  }
}
