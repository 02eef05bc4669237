export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before one call may try again. */
  readonly openMs: number;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

export type BreakerState = "closed" | "half-open" | "open";

/** Refused without a call. */
export class CircuitOpen extends Error {
  override readonly name = "CircuitOpen";

  constructor() {
    super("the circuit breaker is open");
  }
}

/**
 * A circuit breaker: it spares callers a part that does not answer. Half-open it allows one call and refuses the others at once, so
 * that they go elsewhere or do without; a caller that chooses between parts asks `allows` for each of them first.
 */
export class CircuitBreaker {
  private failures = 0;
  private openUntil = 0;
  private isTrying = false;

  constructor(private readonly options: BreakerOptions) {}

  get state(): BreakerState {
    if (this.failures < this.options.failures) return "closed";
    return performance.now() < this.openUntil ? "open" : "half-open";
  }

  /** Whether a call may begin now. */
  get allows(): boolean {
    if (this.failures < this.options.failures) return true;
    return !this.isTrying && performance.now() >= this.openUntil;
  }

  /** A call begins. When half-open, no other may until this one has its outcome. */
  begin(): void {
    if (this.failures >= this.options.failures) this.isTrying = true;
  }

  succeeded(): void {
    if (this.failures === 0) return;
    if (this.failures >= this.options.failures) this.options.onClose();
    this.failures = 0;
    this.isTrying = false;
  }

  failed(openMs = this.options.openMs): void {
    this.failures += 1;
    this.isTrying = false;
    if (this.failures >= this.options.failures) this.openUntil = performance.now() + openMs;
    if (this.failures === this.options.failures) this.options.onOpen();
  }

  /** The call ended without an outcome: its caller left. */
  cancelled(): void {
    this.isTrying = false;
  }

  /** For a call whose every error is a failure. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (!this.allows) throw new CircuitOpen();
    this.begin();
    try {
      const answer = await call();
      this.succeeded();
      return answer;
    } catch (error) {
      this.failed();
      throw error;
    }
  }
}
