import { readFileSync } from "node:fs";
import { parseRecord, type LoadRecord } from "./load-record.ts";

/** Left by real k6 in short runs against a real shop. */
type Recorded = "orders-k6-1" | "orders-k6-2" | "orders-max" | "orders-max-broken" | "smoke-k6-1";

export const recordedText = (name: Recorded): string =>
  readFileSync(new URL(`recorded/${name}.json`, import.meta.url), "utf8");

export const recorded = (name: Recorded): LoadRecord => parseRecord(recordedText(name));

/** The same run, had one figure been another. */
export function withValue(
  record: LoadRecord,
  metric: string,
  values: Record<string, number>,
): LoadRecord {
  return { ...record, metrics: new Map([...record.metrics, [metric, values]]) };
}
