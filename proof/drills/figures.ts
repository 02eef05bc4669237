import type { Sql } from "@shop/test-support/sql";
import type { Heard } from "./drill.ts";

export interface Settling {
  readonly orders: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Above every id. */
const THE_END = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** How long orders took from their 201 to their outcome, in milliseconds. */
export async function settling(
  orders: Sql,
  since: string,
  before: string = THE_END,
): Promise<Settling> {
  const [row] = await orders<Settling>(
    `SELECT count(*)::int AS orders, ${["0.5", "0.99", "1"].map(percentile).join(", ")}
     FROM (SELECT extract(epoch FROM updated_at - created_at) * 1000 AS ms FROM orders
           WHERE id >= $1 AND id < $2 AND status <> 'pending') AS settled`,
    [since, before],
  );
  return row!;
}

const NAMES: Record<string, string> = { "0.5": "p50", "0.99": "p99", "1": "max" };
const percentile = (share: string): string =>
  `coalesce(round(percentile_cont(${share}) WITHIN GROUP (ORDER BY ms)), 0)::int AS "${NAMES[share]}"`;

/** From that moment to the first outcome after it. */
export async function firstSettledAfter(
  orders: Sql,
  since: string,
  moment: Date,
): Promise<number | undefined> {
  const [row] = await orders<{ at: Date | null }>(
    "SELECT min(updated_at) AS at FROM orders WHERE id >= $1 AND status <> 'pending' AND updated_at > $2",
    [since, moment],
  );
  return row?.at ? row.at.getTime() - moment.getTime() : undefined;
}

const SUCCESS = new Set([200, 201]);

export const succeeded = ({ status }: Heard): boolean =>
  status !== undefined && SUCCESS.has(status);

export const shareOf = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

/** "POST /orders 503 ×12", for each kind. */
export function tally(all: readonly Heard[]): string[] {
  const counts = new Map<string, number>();
  for (const { what, status } of all) {
    const kind = `${what} ${status ?? "no answer"}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind} ×${count}`);
}
