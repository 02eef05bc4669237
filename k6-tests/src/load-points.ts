import type { Metrics } from "./load-record.ts";

const POINT = /^http_reqs\{at:(\d+)\}$/;

/** What was sent in some seconds of a run. */
export interface LoadPoint {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly rate: number;
  readonly latency: Readonly<Record<string, number>>;
}

/** The points that a run has recorded, rising in time. */
export function pointsOf(metrics: Metrics): LoadPoint[] {
  const times = [...metrics.keys()].flatMap((name) => POINT.exec(name)?.[1] ?? []).map(Number);
  const [first = 0, second = first, ...more] = times.toSorted((a, b) => a - b);
  const seconds = second - first;
  return [first, second, ...more].flatMap((at) => {
    const sent = metrics.get(`http_reqs{at:${at}}`)?.["count"] ?? 0;
    const latency = metrics.get(`http_req_duration{at:${at}}`);
    if (sent === 0 || latency === undefined) return [];
    return [{ fromSeconds: at, toSeconds: at + seconds, rate: sent / seconds, latency }];
  });
}
