import { expect, test } from "vitest";
import { WORK_QUEUES } from "./topology.ts";

test("when a queue takes an event, then it is bound to it once", () => {
  for (const { types } of WORK_QUEUES) expect(new Set(types).size).toBe(types.length);
});

test("when a message is dead, then its queue tells it apart from every other queue's", () => {
  const names = WORK_QUEUES.flatMap(({ name, deadQueue }) => [name, deadQueue]);
  expect(new Set(names).size).toBe(names.length);
});
