/**
 * A loop in the background whose waits end at once when it is stopped or nudged. `turn` says how long to rest; what it
 * throws goes to `onError`, which says the same.
 */
export class StoppableLoop {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private wake: (() => void) | undefined;

  constructor(
    private readonly turn: (signal: AbortSignal) => Promise<number>,
    private readonly onError: (error: unknown) => number,
  ) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Ends the rest now, if it rests. */
  nudge(): void {
    this.wake?.();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.nudge();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      let restMs: number;
      try {
        restMs = await this.turn(signal);
      } catch (error) {
        // What a stop has interrupted is no trouble.
        if (signal.aborted) return;
        restMs = this.onError(error);
      }
      if (restMs > 0 && !signal.aborted) await this.rest(restMs);
    }
  }

  private async rest(restMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, restMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}
