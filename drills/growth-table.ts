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
  readonly grows: boolean;
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
    rows: (): GrowthRow[] =>
      watched.flatMap((one) => {
        const all = samples.get(one)!;
        return all.length === 0 ? [] : [rowOf(one, all)];
      }),
  };
}

function rowOf({ name, bound }: Watched, all: readonly number[]): GrowthRow {
  const third = Math.max(1, Math.floor(all.length / 3));
  const first = quantile(all.slice(0, third), 0.5);
  const last = quantile(all.slice(-third), 0.5);
  const figures = { name, first, last, most: Math.round(Math.max(...all)) };
  if (typeof bound === "string")
    return { ...figures, bound: "–", verdict: `by design: ${bound}`, grows: false };
  const limit = Math.round(first * bound.factor + bound.by);
  const grows = last > limit;
  return { ...figures, bound: wordsOf(bound, limit), verdict: grows ? "GROWS" : "flat", grows };
}

const wordsOf = ({ factor, by }: Bound, limit: number): string =>
  `${limit} (${factor === 1 ? "" : `× ${factor} `}+ ${by})`;
