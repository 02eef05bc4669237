import { eventually } from "@shop/test-support/eventually";
import { expect, test } from "vitest";
import { createBreaker } from "./breaker.ts";

test("when calls go on failing, then it opens, lets nobody wait, tries again, and closes at the first success", async () => {
  const told: string[] = [];
  const breaker = createBreaker({
    failures: 3,
    openMs: 50,
    onOpen: () => told.push("open"),
    onClose: () => told.push("closed"),
  });
  let calls = 0;
  let works = false;
  const call = () =>
    breaker
      .execute(async () => {
        calls += 1;
        if (!works) throw new Error("no");
        return "yes";
      })
      .catch((error: Error) => error.message);

  for (let time = 0; time < 3; time += 1) expect(await call()).toBe("no");
  expect(told).toEqual(["open"]);
  expect(await call()).not.toBe("no");
  expect(calls).toBe(3);

  // One try after the rest, in vain, opens it again.
  await eventually(async () => expect(await call()).toBe("no"));
  expect(calls).toBe(4);
  works = true;
  await eventually(async () => expect(await call()).toBe("yes"));
  expect(told).toContain("closed");
  expect(await call()).toBe("yes");
});

test("when a success comes in between, then failures are counted anew", async () => {
  let opened = 0;
  const breaker = createBreaker({
    failures: 2,
    openMs: 1_000,
    onOpen: () => (opened += 1),
    onClose: () => undefined,
  });
  for (const fails of [true, false, true, false, true]) {
    await breaker
      .execute(() => (fails ? Promise.reject(new Error("no")) : Promise.resolve()))
      .catch(() => undefined);
  }
  expect(opened).toBe(0);
});
