import { heldStep, triedSteps } from "./held-rate.ts";
import { booksAreRight } from "./load-line.ts";
import type { LoadRecord } from "./load-record.ts";

/** What k6 exits with when a threshold was crossed. */
const THRESHOLD_CROSSED = 99;

/** k6's own, but for the search: that it comes to a rate that does not hold is how it ends. */
export function exitCodeOf(record: LoadRecord, code: number): number {
  if (record.script !== "orders-max" || code !== THRESHOLD_CROSSED) return code;
  const hasFoundOne = heldStep(triedSteps(record)) !== undefined;
  return hasFoundOne && booksAreRight(record) ? 0 : code;
}
