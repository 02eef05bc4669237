import type { Metric, MetricValueWithName, Registry } from "prom-client";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

type LabelValues = readonly (string | number)[];

interface Series {
  readonly labels: Record<string, string | number>;
  /** Observations in each bucket alone; the last bucket is above all bounds. */
  readonly counts: number[];
  sum: number;
}

export type ObserveLatency = (ms: number, ...labels: LabelValues) => void;

/**
 * A histogram for the hot path, in prom-client's registry. The library's own sorts and joins the labels for every observation; this
 * one adds to a number, and leaves the rest until metrics are read.
 */
export function latencyHistogram(
  registry: Registry,
  { name, help, labelNames }: { name: string; help: string; labelNames: readonly string[] },
): ObserveLatency {
  const all = new Map<string, Series>();
  const metric = {
    name,
    get: () => ({
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      values: [...all.values()].flatMap((series) => valuesOf(name, series)),
    }),
    reset: () => all.clear(),
  };
  registry.registerMetric(metric as unknown as Metric);

  return (ms, ...labels) => {
    const key = labels.join(" ");
    let series = all.get(key);
    if (series === undefined) {
      series = emptySeries(labelNames, labels);
      all.set(key, series);
    }
    const seconds = ms / 1_000;
    let bucket = 0;
    while (bucket < SECONDS.length && seconds > SECONDS[bucket]!) bucket += 1;
    series.counts[bucket]! += 1;
    series.sum += seconds;
  };
}

const emptySeries = (names: readonly string[], values: LabelValues): Series => ({
  labels: Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""])),
  counts: Array.from({ length: SECONDS.length + 1 }, () => 0),
  sum: 0,
});

/** As Prometheus wants it: each bucket counts all below its bound. */
function valuesOf(name: string, { labels, counts, sum }: Series): MetricValueWithName<string>[] {
  let count = 0;
  const buckets = counts.map((own, at) => {
    count += own;
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: SECONDS[at] ?? "+Inf" },
      value: count,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
