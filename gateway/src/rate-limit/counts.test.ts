import { expect, test, vi } from "vitest";
import { countInMemory } from "./counts.ts";

const HOUR_MS = 3_600_000;
const MANY = 150_000;

test("beyond 100,000 callers those are forgotten that have not called for longest", () => {
  const counts = countInMemory(HOUR_MS);
  counts.increment("early");
  for (let at = 0; at < MANY; at += 1) counts.increment(`caller-${at}`);
  expect(counts.increment("early").totalHits).toBe(1);
  expect(counts.increment("caller-0").totalHits).toBe(1);
  expect(counts.increment(`caller-${MANY - 1}`).totalHits).toBe(2);
});

test("a caller that goes on is counted on, however many others come", () => {
  const counts = countInMemory(HOUR_MS);
  const busy = [];
  for (let at = 0; at < MANY; at += 1) {
    counts.increment(`caller-${at}`);
    if (at % 1_000 === 0) busy.push(counts.increment("busy").totalHits);
  }
  expect(busy).toEqual(busy.map((_, at) => at + 1));
});

test("a window that is over begins again, for callers that come often and for those that do not", () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const counts = countInMemory(1_000);
    for (const left of [1_000, 400]) {
      const { totalHits, resetAt } = counts.increment("often");
      expect(totalHits).toBe(left === 400 ? 2 : 1);
      expect(resetAt - Date.now()).toBe(left);
      vi.advanceTimersByTime(600);
    }
    expect(counts.increment("seldom").totalHits).toBe(1);
    expect(counts.increment("often").totalHits).toBe(1);
    vi.advanceTimersByTime(999);
    expect(counts.increment("seldom").totalHits).toBe(2);
    vi.advanceTimersByTime(1);
    expect(counts.increment("seldom").totalHits).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

test("what is given back does not count, and never below nothing", () => {
  const counts = countInMemory(HOUR_MS);
  counts.giveBack("nobody");
  counts.increment("some");
  counts.increment("some");
  counts.giveBack("some");
  expect(counts.increment("some").totalHits).toBe(2);
  for (let times = 0; times < 5; times += 1) counts.giveBack("some");
  expect(counts.increment("some").totalHits).toBe(1);
});
