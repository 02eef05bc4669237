export interface SendSchedule {
  readonly total: number;
  /** When a request should go out, in milliseconds from the start. */
  readonly dueAt: (index: number) => number;
  /** How many should have gone out by then. */
  readonly dueBy: (elapsedMs: number) => number;
}

/** A fixed rate, evenly spread, whatever the answers do. */
export function sendSchedule(perSecond: number, seconds: number): SendSchedule {
  const total = Math.round(perSecond * seconds);
  return {
    total,
    dueAt: (index) => (index * 1_000) / perSecond,
    dueBy: (elapsedMs) =>
      elapsedMs < 0 ? 0 : Math.min(total, Math.floor((elapsedMs * perSecond) / 1_000) + 1),
  };
}
