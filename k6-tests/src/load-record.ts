/** k6's figures by metric: a name, with tags in braces when it is about some of the samples only. */
export type Metrics = ReadonlyMap<string, Readonly<Record<string, number>>>;

interface LoadSettings {
  readonly rate: number;
  readonly durationSeconds: number;
  readonly stepSeconds: number;
  readonly p95Ms: number;
}

/** What one run has left: see parts/record.js for the file. */
export interface LoadRecord {
  readonly script: string;
  readonly settings: LoadSettings;
  readonly metrics: Metrics;
}

type Values = Record<string, number | null>;
interface Named {
  name: string;
  values: Values;
}

interface RecordFile {
  script: string;
  settings: LoadSettings;
  k6: {
    /** k6 1 gives this to handleSummary, */
    metrics?: Record<string, { values: Values }>;
    /** and k6 2 that; k6 1 as well when it is asked for. */
    results?: { metrics: Named[]; checks: { metrics: Named[] } };
  };
}

/** "p(95)" and "p95" are the same, so are `passes` and `matches`: how often a rate was true. */
function inOneForm(values: Values): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      if (value === null) return [];
      const name = key === "passes" ? "matches" : key.replace(/^p\((.*)\)$/, "p$1");
      return [[name, value]];
    }),
  );
}

export function parseRecord(text: string): LoadRecord {
  const { script, settings, k6 } = JSON.parse(text) as RecordFile;
  const named: Named[] = k6.results
    ? [...k6.results.metrics, ...k6.results.checks.metrics]
    : Object.entries(k6.metrics ?? {}).map(([name, { values }]) => ({ name, values }));
  const metrics = new Map(named.map(({ name, values }) => [name, inOneForm(values)]));
  const checksInK6One = metrics.get("checks");
  if (checksInK6One) metrics.set("checks_failed", { matches: checksInK6One["fails"] ?? 0 });
  return { script, settings, metrics };
}
