import { expect, test } from "vitest";
import { sendSchedule } from "./send-schedule.ts";

test("requests are spread evenly from the start, and there are as many as the rate says", () => {
  const { total, dueAt } = sendSchedule(200, 3);
  expect(total).toBe(600);
  expect([0, 1, 2, 599].map(dueAt)).toEqual([0, 5, 10, 2_995]);
});

test("what is due is counted by the clock, not by what was sent", () => {
  const { dueBy } = sendSchedule(200, 3);
  expect([-1, 0, 4.9, 5, 1_000, 2_995, 60_000].map(dueBy)).toEqual([0, 1, 1, 2, 201, 600, 600]);
});

test("every request is due at its own time, also at rates that no millisecond divides", () => {
  const { total, dueAt, dueBy } = sendSchedule(700, 2);
  for (let index = 0; index < total; index += 1) {
    expect(dueBy(dueAt(index) + 0.001)).toBe(index + 1);
  }
});
