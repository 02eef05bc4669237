const LOOK_EVERY_MS = 250;
/** What was seen longer ago says nothing of now. */
const STALE_MS = 1_000;
/** Fewer may always be at work: in a quiet shop there is no rate to reckon with. */
const LEAST = 100;

/**
 * How many requests may be at work with a service. A fixed number can't say it: two thousand are less than a second's work on a
 * fast machine, and more than the deadline allows on a slow one, where who is let in would wait nearly as long, and many in vain. So
 * while even the fastest answers take longer than is good, only so many are let in as can be answered in that time at the rate just
 * seen. A burst is let in whole: its first answers are fast.
 */
export class Room {
  private allowed: number;
  private lookedAt = performance.now();
  private answers = 0;
  private fastestMs = Infinity;

  constructor(
    private readonly most: number,
    private readonly goodMs: number,
  ) {
    this.allowed = most;
  }

  hasPlace(inFlight: number): boolean {
    if (inFlight < LEAST) return inFlight < this.most;
    const isStale = performance.now() - this.lookedAt > STALE_MS;
    return inFlight < (isStale ? this.most : this.allowed);
  }

  answered(now: number, tookMs: number): void {
    const lookedForMs = now - this.lookedAt;
    if (lookedForMs >= LOOK_EVERY_MS) this.look(now, lookedForMs);
    this.answers += 1;
    if (tookMs < this.fastestMs) this.fastestMs = tookMs;
  }

  private look(now: number, lookedForMs: number): void {
    const isSlow = this.fastestMs > this.goodMs && lookedForMs <= STALE_MS;
    const inGoodTime = Math.ceil((this.answers / lookedForMs) * this.goodMs);
    this.allowed = isSlow ? Math.min(this.most, Math.max(LEAST, inGoodTime)) : this.most;
    this.lookedAt = now;
    this.answers = 0;
    this.fastestMs = Infinity;
  }
}
