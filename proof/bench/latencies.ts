/** Neighbouring buckets differ by one percent: closer than any two runs. */
const STEP = Math.log(1.01);
const BUCKETS = 2_000;

export interface Latencies {
  add(ms: number): void;
  /** The latency that the share `q` of all did not exceed, in milliseconds; NaN of none. */
  quantile(q: number): number;
}

/** Millions of latencies in the memory of a few thousand, from one microsecond up. */
export function createLatencies(): Latencies {
  const buckets = new Uint32Array(BUCKETS);
  let count = 0;
  return {
    add: (ms) => {
      const bucket = Math.floor(Math.log(Math.max(ms * 1_000, 1)) / STEP);
      buckets[Math.min(bucket, BUCKETS - 1)]! += 1;
      count += 1;
    },
    quantile: (q) => {
      const wanted = Math.max(1, Math.ceil(count * q));
      let seen = 0;
      for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
        seen += buckets[bucket]!;
        if (seen >= wanted) return Math.exp((bucket + 0.5) * STEP) / 1_000;
      }
      return Number.NaN;
    },
  };
}
