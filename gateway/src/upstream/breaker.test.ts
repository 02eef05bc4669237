import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Breaker } from "./breaker.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const fail = (breaker: Breaker, times: number): void => {
  for (let count = 0; count < times; count += 1) {
    breaker.begin();
    breaker.failed("late or broken");
  }
};

test("five failures in a row open it, and it says so once", () => {
  const onChange = vi.fn<(isClosed: boolean) => void>();
  const breaker = new Breaker(onChange);
  fail(breaker, 4);
  breaker.answered();
  fail(breaker, 4);
  expect(breaker.lets).toBe(true);
  fail(breaker, 2);
  expect(breaker).toMatchObject({ lets: false, state: "open" });
  expect(onChange.mock.calls).toEqual([[false]]);
});

test("after a second it lets one request try, and what comes of it decides", () => {
  const onChange = vi.fn<(isClosed: boolean) => void>();
  const breaker = new Breaker(onChange);
  fail(breaker, 5);
  vi.advanceTimersByTime(1_000);
  expect(breaker).toMatchObject({ lets: true, state: "half-open" });
  breaker.begin();
  expect(breaker.lets).toBe(false);
  breaker.failed("late or broken");
  expect(breaker).toMatchObject({ lets: false, state: "open" });

  vi.advanceTimersByTime(1_000);
  breaker.begin();
  breaker.answered();
  expect(breaker).toMatchObject({ lets: true, state: "closed" });
  expect(onChange.mock.calls).toEqual([[false], [true]]);
});

test("a try whose caller left tells nothing: the next may try", () => {
  const breaker = new Breaker();
  fail(breaker, 5);
  vi.advanceTimersByTime(1_000);
  breaker.begin();
  breaker.unknown();
  expect(breaker.lets).toBe(true);
});

test("one that refused may be tried again after a tenth of that", () => {
  const breaker = new Breaker();
  fail(breaker, 4);
  breaker.failed("refused");
  expect(breaker.lets).toBe(false);
  vi.advanceTimersByTime(100);
  expect(breaker.lets).toBe(true);
});
