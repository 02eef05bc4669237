import { expect, test, vi } from "vitest";
import { countInMemory } from "./counts.ts";

const HOUR_MS = 3_600_000;
const MANY = 150_000;

test("forgets the callers that have been silent longest, beyond 100,000", () => {
  const counts = countInMemory(HOUR_MS);
  counts.increment("early");
  for (let at = 0; at < MANY; at += 1) counts.increment(`caller-${at}`);
  expect(counts.increment("early").totalHits).toBe(1);
  expect(counts.increment("caller-0").totalHits).toBe(1);
  expect(counts.increment(`caller-${MANY - 1}`).totalHits).toBe(2);
});

test("keeps the count of an active caller, however many others come", () => {
  const counts = countInMemory(HOUR_MS);
  const busy = [];
  for (let at = 0; at < MANY; at += 1) {
    counts.increment(`caller-${at}`);
    if (at % 1_000 === 0) busy.push(counts.increment("busy").totalHits);
  }
  expect(busy).toEqual(busy.map((_, at) => at + 1));
});

test("begins a new window after the old one, for frequent and rare callers", () => {
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

test("takes a request back, and never counts below zero", () => {
  const counts = countInMemory(HOUR_MS);
  counts.giveBack("unknown");
  counts.increment("some");
  counts.increment("some");
  counts.giveBack("some");
  expect(counts.increment("some").totalHits).toBe(2);
  for (let times = 0; times < 5; times += 1) counts.giveBack("some");
  expect(counts.increment("some").totalHits).toBe(1);
});
