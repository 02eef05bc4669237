import { quantile } from "./figures.ts";
import { whatIsWatched, type Bound, type Watched } from "./growth.ts";
import type { DrillSystem } from "./system.ts";

const MINUTE_MS = 60_000;

export interface GrowthRow {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly most: number;
  readonly bound: string;
  readonly verdict: string;
  readonly fails: boolean;
}

/** A sample a minute, and a comparison of the first third with the last. */
export function createGrowthTable(ordersPerSecond: number) {
  const watched = whatIsWatched(ordersPerSecond);
  const samples = new Map<Watched, number[]>(watched.map((one) => [one, []]));
  let lastAt = performance.now();
  let taken = 0;

  return {
    /** The first comes after a minute too: everything was cold before. */
    isDue: (): boolean => performance.now() - lastAt >= MINUTE_MS,
    async take(system: DrillSystem): Promise<void> {
      lastAt = performance.now();
      taken += 1;
      for (const one of watched) {
        const value = await Promise.resolve()
          .then(() => one.read(system))
          .catch(() => undefined);
        if (value !== undefined) samples.get(one)!.push(value);
      }
    },
    get taken() {
      return taken;
    },
    rows: (): GrowthRow[] => watched.map((one) => rowOf(one, samples.get(one)!, taken)),
  };
}

/** Fewer tell nothing: a median of two is whatever a collector did last. */
const ENOUGH = 6;

function rowOf({ name, bound }: Watched, all: readonly number[], taken: number): GrowthRow {
  const third = Math.max(1, Math.floor(all.length / 3));
  const first = quantile(all.slice(0, third), 0.5);
  const last = quantile(all.slice(-third), 0.5);
  const figures = { name, first, last, most: Math.round(Math.max(0, ...all)) };
  if (typeof bound === "string")
    return { ...figures, bound: "–", verdict: `by design: ${bound}`, fails: false };
  const limit = Math.round(first * bound.factor + bound.by);
  const row = { ...figures, bound: wordsOf(bound, limit) };
  if (taken < ENOUGH) return { ...row, verdict: "too few samples", fails: false };
  if (all.length === 0 && process.platform !== "linux")
    return { ...row, verdict: "not told by this system", fails: false };
  if (all.length < taken / 2) return { ...row, verdict: "NOT READ", fails: true };
  return last > limit
    ? { ...row, verdict: "GROWS", fails: true }
    : { ...row, verdict: "flat", fails: false };
}

const wordsOf = ({ factor, by }: Bound, limit: number): string =>
  `${limit} (${factor === 1 ? "" : `× ${factor} `}+ ${by})`;
