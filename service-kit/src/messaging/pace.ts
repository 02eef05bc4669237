import { setImmediate as nextTurn, setTimeout as rest } from "node:timers/promises";

/** Under load a batch begins this long after the one before: it holds more, and each message costs less. */
export const PACE_MS = 20;
/** After a smaller batch there is no load, and the next message waits for nothing. */
export const LOAD_FROM = 5;

/**
 * When the next batch begins. Without a rest a consumer under load takes a dozen messages at a time, and each dozen costs the
 * same round trips, commits and acks as a hundred.
 */
export class Pace {
  private lastBegan = 0;
  private lastSize = 0;

  constructor(private readonly mostInBatch: number) {}

  /** The rest of this turn's deliveries join the batch; under load those of the next milliseconds do, too. */
  async gather(waiting: () => number): Promise<void> {
    await nextTurn();
    const restMs = this.lastBegan + PACE_MS - performance.now();
    const underLoad = this.lastSize >= LOAD_FROM;
    if (underLoad && restMs > 0 && waiting() < this.mostInBatch) await rest(restMs);
    this.lastBegan = performance.now();
  }

  took(size: number): void {
    this.lastSize = size;
  }
}
