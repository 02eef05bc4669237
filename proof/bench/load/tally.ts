import { createLatencies } from "./latencies.ts";
import type { LoadResult } from "./load-job.ts";

export interface Tally {
  add(status: number, latencyMs: number): void;
  readonly answered: number;
  result(sent: number, seconds: number): LoadResult;
}

export function createTally(): Tally {
  const latencies = createLatencies();
  const statuses: Record<number, number> = {};
  let answered = 0;
  let ok = 0;
  return {
    add: (status, latencyMs) => {
      answered += 1;
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status < 200 || status > 299) return;
      ok += 1;
      latencies.add(latencyMs);
    },
    get answered() {
      return answered;
    },
    result: (sent, seconds) => ({
      sent,
      ok,
      failed: sent - ok,
      statuses,
      seconds,
      p50Ms: latencies.quantile(0.5),
      p95Ms: latencies.quantile(0.95),
      p99Ms: latencies.quantile(0.99),
    }),
  };
}
