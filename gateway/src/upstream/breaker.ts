/** Failures in a row that leave an instance out. */
const FAILURES = 5;
/** How long it is left out before one request may try it again. */
const OPEN_MS = 1_000;
/** When it refused at once: trying costs no request anything, and one that has just started is not kept waiting. */
const REFUSED_OPEN_MS = 100;

export type BreakerState = "closed" | "half-open" | "open";

/**
 * Leaves an instance out that does not answer. The kit's breaker holds callers back while one of them tries; here they are to be
 * refused, or to go to another instance, at once.
 */
export class Breaker {
  private failures = 0;
  private openUntil = 0;
  private trying = false;

  constructor(private readonly onChange: (isClosed: boolean) => void = () => undefined) {}

  get state(): BreakerState {
    if (this.failures < FAILURES) return "closed";
    return performance.now() < this.openUntil ? "open" : "half-open";
  }

  /** Whether a request may go there now. */
  get lets(): boolean {
    if (this.failures < FAILURES) return true;
    return !this.trying && performance.now() >= this.openUntil;
  }

  /** A request goes there. When it is the one that tries, nobody else does until its outcome is known. */
  begin(): void {
    if (this.failures >= FAILURES) this.trying = true;
  }

  answered(): void {
    if (this.failures === 0) return;
    if (this.failures >= FAILURES) this.onChange(true);
    this.failures = 0;
    this.trying = false;
  }

  failed(how: "refused" | "late or broken"): void {
    this.failures += 1;
    this.trying = false;
    const openMs = how === "refused" ? REFUSED_OPEN_MS : OPEN_MS;
    if (this.failures >= FAILURES) this.openUntil = performance.now() + openMs;
    if (this.failures === FAILURES) this.onChange(false);
  }

  /** The request ended without telling anything about the instance: its caller left. */
  unknown(): void {
    this.trying = false;
  }
}
