import { setImmediate as nextTurn } from "node:timers/promises";

export interface BatcherOptions<I, O> {
  /** Works on a batch and gives one result for each item, in order. */
  readonly run: (items: readonly I[]) => Promise<readonly PromiseSettledResult<O>[]>;
  readonly maxBatch: number;
  /** Batches at work at once. */
  readonly maxRunning: number;
  /** Beside a batch that is at work another one begins when so many wait, or one has waited for so long; at once by default. */
  readonly another?: { readonly from: number; readonly afterMs: number };
  /** Items that wait; one more is refused with what `refuse` makes. */
  readonly maxWaiting: number;
  /** An item that has waited longer is refused instead of worked on: behind a stuck batch nobody waits for its whole queue. */
  readonly maxWaitMs: number;
  readonly refuse: () => Error;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly since: number;
  readonly resolve: (value: O) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Lets work that arrives together share one trip. In quiet an item starts in the same turn of the event loop; while
 * batches are at work the next one fills up. So the batch size follows the load, and only `another` lets an item wait for a timer.
 */
export class Batcher<I, O> {
  private waiting: Waiting<I, O>[] = [];
  private running = 0;
  private scheduled = false;
  private patience: NodeJS.Timeout | undefined;
  private idle: (() => void) | undefined;

  constructor(private readonly options: BatcherOptions<I, O>) {}

  add(item: I): Promise<O> {
    if (this.waiting.length >= this.options.maxWaiting) {
      return Promise.reject(this.options.refuse());
    }
    return new Promise<O>((resolve, reject) => {
      this.waiting.push({ item, since: performance.now(), resolve, reject });
      this.schedule();
    });
  }

  get size(): number {
    return this.waiting.length;
  }

  /** Resolves when nothing waits and nothing runs. */
  async drained(): Promise<void> {
    if (this.running === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      const before = this.idle;
      this.idle = () => {
        before?.();
        resolve();
      };
    });
  }

  private schedule(): void {
    if (this.scheduled || this.running >= this.options.maxRunning) return;
    const restMs = this.restBeforeAnother();
    if (restMs > 0) {
      this.patience ??= setTimeout(() => {
        this.patience = undefined;
        this.schedule();
      }, restMs);
      return;
    }
    this.scheduled = true;
    // The rest of this turn's arrivals join the batch.
    void nextTurn().then(() => {
      this.scheduled = false;
      if (this.waiting.length > 0) void this.work();
    });
  }

  private restBeforeAnother(): number {
    const { another } = this.options;
    const [oldest] = this.waiting;
    if (!another || !oldest || this.running === 0 || this.waiting.length >= another.from) return 0;
    return oldest.since + another.afterMs - performance.now();
  }

  private async work(): Promise<void> {
    this.running += 1;
    clearTimeout(this.patience);
    this.patience = undefined;
    const batch = this.takeBatch();
    if (this.waiting.length > 0) this.schedule();
    try {
      const results =
        batch.length === 0 ? [] : await this.options.run(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result?.status === "fulfilled") resolve(result.value);
        else reject(result?.reason ?? new Error("the batch gave no result for this item"));
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.running -= 1;
    if (this.waiting.length > 0) this.schedule();
    else if (this.running === 0) this.settle();
  }

  private takeBatch(): Waiting<I, O>[] {
    const oldest = performance.now() - this.options.maxWaitMs;
    const late = this.waiting.findIndex(({ since }) => since >= oldest);
    const tooLate = this.waiting.splice(0, late === -1 ? this.waiting.length : late);
    for (const { reject } of tooLate) reject(this.options.refuse());
    return this.waiting.splice(0, this.options.maxBatch);
  }

  private settle(): void {
    const idle = this.idle;
    this.idle = undefined;
    idle?.();
  }
}
