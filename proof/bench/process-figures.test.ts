import { expect, test } from "vitest";
import { canReadProcesses, cpuUsOf, memoryMbOf, parseStat } from "./machine.ts";

test("a process may have any name: its figures are counted from behind it", () => {
  const fields = Array.from({ length: 52 }, (_, index) => `${index + 1}`);
  const text = ["4711", "(a) 1 2 (b)", "S", "99", ...fields.slice(4)].join(" ");
  expect(parseStat(text)).toEqual({ parent: 99, cpuUs: (14 + 15 + 16 + 17) * 10_000 });
});

test.skipIf(!canReadProcesses)("CPU time and memory are those of the process", () => {
  const [before] = cpuUsOf([process.pid]);
  const own = process.cpuUsage();
  const end = performance.now() + 100;
  while (performance.now() < end);
  const { user, system } = process.cpuUsage(own);
  const [after] = cpuUsOf([process.pid]);
  // Counted in steps of 10 ms; the children of other tests may add to it.
  expect(after! - before!).toBeGreaterThanOrEqual(user + system - 30_000);
  expect(memoryMbOf(process.pid)).toBeGreaterThan(10);
});
