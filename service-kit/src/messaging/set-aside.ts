const REST_MS = 250;

/** Deliveries that wait, unacked, for something of their own, so that the others need not wait with them. */
export class SetAside<D> {
  private readonly rounds: { readonly dueAt: number; readonly deliveries: D[] }[] = [];
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(private readonly onDue: () => void) {}

  get isEmpty(): boolean {
    return this.rounds.length === 0;
  }

  get hasDue(): boolean {
    const [first] = this.rounds;
    return first !== undefined && first.dueAt <= performance.now();
  }

  add(deliveries: readonly D[]): void {
    if (deliveries.length === 0) return;
    this.rounds.push({ dueAt: performance.now() + REST_MS, deliveries: [...deliveries] });
    this.wakeUp();
  }

  takeDue(most: number): D[] {
    const taken: D[] = [];
    while (this.hasDue && taken.length < most) {
      const [first] = this.rounds;
      taken.push(...first!.deliveries.splice(0, most - taken.length));
      if (first!.deliveries.length === 0) this.rounds.shift();
    }
    this.wakeUp();
    return taken;
  }

  /** Nothing is due any more. What waits stays: as long as it is unacked, no ack may reach over it. */
  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  private wakeUp(): void {
    clearTimeout(this.timer);
    if (this.ended) return;
    const [first] = this.rounds;
    if (!first) return;
    const restMs = Math.max(0, first.dueAt - performance.now());
    this.timer = setTimeout(() => this.onTimer(), restMs);
  }

  private onTimer(): void {
    // A timer may be early by a fraction of a millisecond.
    if (this.hasDue) this.onDue();
    else this.wakeUp();
  }
}
