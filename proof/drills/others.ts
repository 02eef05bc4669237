import type { Scene } from "./drill.ts";
import { quantile } from "./figures.ts";
import { everythingHeard } from "./verdict.ts";

const BEFORE_MS = 5_000;
/** Answers to what was sent last. */
const LAST_ANSWERS_MS = 1_500;
/**
 * On two busy cores the p99 of some seconds of quiet is three times that of the next. Whoever is held up by the fault waits for its
 * end, and so for seconds.
 */
const LIMIT = { times: 3, plusMs: 250 };

/** While `fault` goes on, the answers that clients of these routes get are as fast as before. */
export async function othersHold(
  scene: Scene,
  what: RegExp,
  fault: () => Promise<void>,
): Promise<void> {
  const { pause, inTime, expect, note } = scene;
  const before = performance.now();
  await pause(BEFORE_MS);
  const from = performance.now();
  await fault();
  const to = performance.now();
  await pause(LAST_ANSWERS_MS);
  const heard = everythingHeard(scene).filter((one) => what.test(one.what));
  const waits = (start: number, end: number): number[] =>
    heard.filter(({ at }) => at >= start && at < end).map(({ tookMs }) => tookMs);
  const [then, meanwhile] = [waits(before, from), waits(from, to)];
  const [p99Before, p99] = [quantile(then, 0.99), quantile(meanwhile, 0.99)];
  note(`p99 of ${meanwhile.length} others ${p99} ms, before ${p99Before} ms`);
  expect(then.length > 0 && meanwhile.length > 0, "there were no others");
  inTime("p99 of others", p99, p99Before * LIMIT.times + LIMIT.plusMs);
}
