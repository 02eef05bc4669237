import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { LOAD_FROM, Pace, PACE_MS } from "./pace.ts";

const MOST = 100;

async function afterBatchOf(size: number) {
  const pace = new Pace(MOST);
  await pace.gather(() => 1);
  const began = performance.now();
  pace.took(size);
  return { pace, since: () => performance.now() - began };
}

/** Whether it is done without a rest. */
async function atOnce(gathering: Promise<void>): Promise<boolean> {
  let done = false;
  void gathering.then(() => (done = true));
  await nextTurn();
  await nextTurn();
  const wasDone = done;
  await gathering;
  return wasDone;
}

test("after a small batch the next message waits for nothing", async () => {
  const { pace } = await afterBatchOf(LOAD_FROM - 1);
  expect(await atOnce(pace.gather(() => 1))).toBe(true);
});

test("after a batch under load the next one gathers first", async () => {
  const { pace, since } = await afterBatchOf(LOAD_FROM);
  await pace.gather(() => 1);
  // Node's timers are a millisecond exact.
  expect(since()).toBeGreaterThanOrEqual(PACE_MS - 2);
});

test("what fills a batch does not wait for more", async () => {
  const { pace } = await afterBatchOf(MOST);
  expect(await atOnce(pace.gather(() => MOST))).toBe(true);
});
