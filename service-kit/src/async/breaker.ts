import {
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type CircuitBreakerPolicy,
} from "cockatiel";

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before one call may try again. */
  readonly openMs: number;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

export { isBrokenCircuitError, type CircuitBreakerPolicy } from "cockatiel";

/** Keeps callers from waiting for a part that does not answer; every thrown error counts as a failure. */
export function createBreaker(options: BreakerOptions): CircuitBreakerPolicy {
  const breaker = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(options.failures),
    halfOpenAfter: options.openMs,
  });
  breaker.onBreak(options.onOpen);
  breaker.onReset(options.onClose);
  return breaker;
}
