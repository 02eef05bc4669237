import {
  brokeOff,
  CallEnded,
  TooMany,
  refused,
  tellsOfInstance,
  unavailable,
  wasNotSent,
} from "./failures.ts";
import type { Instance } from "./instance.ts";
import type { Upstream } from "./upstream.ts";

export interface Ask<T> {
  /** Whether a second time does no harm, as far as the first one got. */
  repeatable(): boolean;
  /** `again`: over a new connection, please. */
  send(instance: Instance, again: boolean): Promise<T>;
}

/**
 * Asks one instance. What was not sent goes to the next. What broke off without an answer is repeated once, if it may be and the
 * budget lets: mostly it met a connection that was being closed.
 */
export async function askInstances<T>(upstream: Upstream, ask: Ask<T>): Promise<T> {
  if (upstream.isFull) throw new TooMany();
  upstream.enter();
  try {
    const refusedBy: Instance[] = [];
    let broken: Instance | undefined;
    let last: unknown;
    for (;;) {
      const instance = upstream.take(refusedBy, broken);
      if (instance === undefined) throw last ?? unavailable();
      const startedAt = performance.now();
      try {
        const answer = await ask.send(instance, broken !== undefined);
        instance.breaker.answered();
        upstream.observe(performance.now() - startedAt, "answered");
        return answer;
      } catch (error) {
        judge(upstream, instance, { error, ms: performance.now() - startedAt });
        last = error;
        if (wasNotSent(error)) {
          refusedBy.push(instance);
        } else {
          const again = brokeOff(error) && !broken && ask.repeatable() && upstream.mayRetry();
          if (!again) throw error;
          broken = instance;
        }
      }
    }
  } finally {
    upstream.leave();
  }
}

function judge(
  upstream: Upstream,
  { breaker }: Instance,
  { error, ms }: { error: unknown; ms: number },
): void {
  if (tellsOfInstance(error)) breaker.failed(refused(error) ? "refused" : "late or broken");
  else breaker.unknown();
  upstream.observe(ms, error instanceof CallEnded ? "ended" : "failed");
}
