/** For a process that was busy for as long as the limit itself: it has yet to send what it asks for, or to read the answer. */
const GRACE_MS = 20;

/** Every wait has a limit: rejects with `onLimit()` when `work` is not done in time. Does not stop the work itself. */
export async function within<T>(
  limitMs: number,
  work: Promise<T>,
  onLimit: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    // What came meanwhile is read before the immediate.
    const end = (): unknown => setImmediate(() => reject(onLimit()));
    timer = setTimeout(() => (timer = setTimeout(end, GRACE_MS)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Exponential backoff with full jitter in its upper half, so that replicas do not come back in step. */
export function backoffMs(attempt: number, limits: { first: number; most: number }): number {
  const ceiling = Math.min(limits.most, limits.first * 2 ** Math.min(attempt, 20));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
