import type { LoadRecord } from "./load-record.ts";

// As in orders-max.js.
const UNJUDGED_SECONDS = 2;
const BACKLOG_P95_MS = 1000;
// Arrivals come at moments that k6 chooses: a step may be short of a few.
const WHOLE = 0.98;

const STEP = /^http_req_duration\{step:(\d+)\}$/;

export interface Step {
  readonly rate: number;
  readonly p95Ms: number;
  readonly doneP95Ms: number;
  /** Empty when it was held. */
  readonly broke: string[];
}

/** What became of each rate that was tried, rising. */
export function triedSteps({ metrics, settings }: LoadRecord): Step[] {
  const rates = [...metrics.keys()].flatMap((name) => STEP.exec(name)?.[1] ?? []).map(Number);
  return rates
    .toSorted((a, b) => a - b)
    .flatMap((rate) => {
      const of = (name: string) => metrics.get(`${name}{step:${rate}}`) ?? {};
      const sent = of("http_reqs")["count"] ?? 0;
      if (sent === 0) return [];
      const p95Ms = of("http_req_duration")["p95"] ?? 0;
      const doneP95Ms = of("order_to_done")["p95"] ?? 0;
      const failed = of("http_req_failed")["matches"] ?? 0;
      const broke: string[] = [];
      if (p95Ms >= settings.p95Ms) broke.push(`p95 ${Math.round(p95Ms)} ms`);
      if (failed > 0) broke.push(`${failed} failed`);
      if (doneP95Ms >= BACKLOG_P95_MS) broke.push(`orders wait ${Math.round(doneP95Ms)} ms`);
      const wanted = rate * (settings.stepSeconds - UNJUDGED_SECONDS) * WHOLE;
      if (sent < wanted && broke.length === 0) broke.push("not all could be sent in time");
      return [{ rate, p95Ms, doneP95Ms, broke }];
    });
}

/** The last before the first that broke. */
export function heldStep(steps: readonly Step[]): Step | undefined {
  const firstBroken = steps.findIndex(({ broke }) => broke.length > 0);
  return firstBroken === -1 ? steps.at(-1) : steps[firstBroken - 1];
}
