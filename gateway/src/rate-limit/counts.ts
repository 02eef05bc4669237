export interface Count {
  totalHits: number;
  /** By the clock, in milliseconds. */
  resetAt: number;
}

/** Calls of each caller in its window; `undefined` where it cannot be said. */
export interface Counts {
  increment(key: string): Awaitable<Count | undefined>;
  /** What was counted is not to count. */
  giveBack(key: string): Awaitable<void>;
}

export type Awaitable<T> = T | Promise<T>;

export interface SharedCounts extends Counts {
  start(): void;
  stop(): void;
  answers(): Promise<boolean>;
}
