import { expect, test } from "vitest";
import { WORK_QUEUES, WORK_TYPES } from "./topology.ts";

test("when an event is work, then exactly one work queue takes it", () => {
  const taken = WORK_QUEUES.flatMap(({ types }) => types);
  expect(taken.toSorted()).toEqual([...WORK_TYPES].toSorted());
});

test("when a message is dead, then its queue tells it apart from every other queue's", () => {
  const names = WORK_QUEUES.flatMap(({ name, deadQueue }) => [name, deadQueue]);
  expect(new Set(names).size).toBe(names.length);
});
