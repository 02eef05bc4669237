import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Room } from "./room.ts";

const MOST = 2_000;
const GOOD_MS = 1_000;

let room: Room;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  room = new Room(MOST, GOOD_MS);
});
afterEach(() => void vi.useRealTimers());

/** For so long, so many answers a second that took this long each. */
function answers({
  forMs,
  perSecond,
  tookMs,
}: {
  forMs: number;
  perSecond: number;
  tookMs: number;
}) {
  const everyMs = 1_000 / perSecond;
  for (let passed = 0; passed < forMs; passed += everyMs) {
    vi.advanceTimersByTime(everyMs);
    room.answered(performance.now(), tookMs);
  }
}

const places = (): number => {
  let inFlight = 0;
  while (inFlight <= MOST && room.hasPlace(inFlight)) inFlight += 1;
  return inFlight;
};

test("while answers are fast, there is place for the most, however many come", () => {
  expect(places()).toBe(MOST);
  answers({ forMs: 2_000, perSecond: 400, tookMs: 900 });
  expect(places()).toBe(MOST);
});

test("while all wait for long, there is place for what is answered in good time", () => {
  answers({ forMs: 2_000, perSecond: 400, tookMs: 4_000 });
  expect(places()).toBeGreaterThan(350);
  expect(places()).toBeLessThan(450);
});

test("one fast answer says that not all wait", () => {
  answers({ forMs: 2_000, perSecond: 400, tookMs: 4_000 });
  room.answered(performance.now(), 5);
  answers({ forMs: 251, perSecond: 400, tookMs: 4_000 });
  expect(places()).toBe(MOST);
});

test("a service that answers hardly anything is asked by some all the same", () => {
  answers({ forMs: 3_000, perSecond: 5, tookMs: 4_000 });
  expect(places()).toBe(100);
});

test("after a pause what was seen before is forgotten", () => {
  answers({ forMs: 2_000, perSecond: 400, tookMs: 4_000 });
  vi.advanceTimersByTime(1_001);
  expect(places()).toBe(MOST);
  room.answered(performance.now(), 3_000);
  expect(places()).toBe(MOST);
});

test("where the most is little, that holds", () => {
  const small = new Room(4, GOOD_MS);
  expect([small.hasPlace(3), small.hasPlace(4)]).toEqual([true, false]);
});
