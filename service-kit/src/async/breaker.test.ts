import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker, CircuitOpen } from "./breaker.ts";

const OPEN_MS = 1_000;

let onOpen: ReturnType<typeof vi.fn<() => void>>;
let onClose: ReturnType<typeof vi.fn<() => void>>;
let breaker: CircuitBreaker;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onOpen = vi.fn<() => void>();
  onClose = vi.fn<() => void>();
  breaker = new CircuitBreaker({ failures: 3, openMs: OPEN_MS, onOpen, onClose });
});
afterEach(() => {
  vi.useRealTimers();
});

const succeed = () => breaker.run(() => Promise.resolve("yes"));
const fail = (times = 1): void => {
  for (let count = 0; count < times; count += 1) {
    breaker.begin();
    breaker.failed();
  }
};

test("opens after three failures in a row, and says so once", () => {
  fail(2);
  breaker.succeeded();
  fail(2);
  expect(breaker).toMatchObject({ allows: true, state: "closed" });
  fail(2);
  expect(breaker).toMatchObject({ allows: false, state: "open" });
  expect(onOpen).toHaveBeenCalledTimes(1);
});

test("counts every error of a call as a failure, and refuses at once while it is open", async () => {
  const call = vi.fn<() => Promise<never>>(() => Promise.reject(new Error("no")));
  for (let count = 0; count < 3; count += 1) await expect(breaker.run(call)).rejects.toThrow("no");
  await expect(breaker.run(call)).rejects.toThrow(CircuitOpen);
  expect(call).toHaveBeenCalledTimes(3);
});

test("allows one call when half-open, whose outcome decides", async () => {
  fail(3);
  vi.advanceTimersByTime(OPEN_MS);
  expect(breaker).toMatchObject({ allows: true, state: "half-open" });
  const trial = Promise.withResolvers<string>();
  const first = breaker.run(() => trial.promise);
  await expect(succeed()).rejects.toThrow(CircuitOpen);
  trial.reject(new Error("still no"));
  await expect(first).rejects.toThrow("still no");
  expect(breaker.state).toBe("open");

  vi.advanceTimersByTime(OPEN_MS);
  expect(await succeed()).toBe("yes");
  expect(breaker).toMatchObject({ allows: true, state: "closed" });
  expect(onOpen).toHaveBeenCalledTimes(1);
  expect(onClose).toHaveBeenCalledTimes(1);
});

test("allows the next call when the one that tried was cancelled", () => {
  fail(3);
  vi.advanceTimersByTime(OPEN_MS);
  breaker.begin();
  breaker.cancelled();
  expect(breaker.allows).toBe(true);
});

test("stays open for the time that a failure asks for", () => {
  fail(2);
  breaker.failed(100);
  expect(breaker.allows).toBe(false);
  vi.advanceTimersByTime(100);
  expect(breaker.allows).toBe(true);
});
