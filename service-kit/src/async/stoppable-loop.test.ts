import { eventually } from "@shop/test-support/eventually";
import { afterEach, expect, test } from "vitest";
import { StoppableLoop } from "./stoppable-loop.ts";

const HOUR_MS = 3_600_000;
let loop: StoppableLoop | undefined;

afterEach(() => loop?.stop());

function start(turn: (signal: AbortSignal) => Promise<number>, onError = () => HOUR_MS) {
  loop = new StoppableLoop(turn, onError);
  loop.start();
  return loop;
}

test("when it runs, then turn follows turn after the rest that each asks for", async () => {
  let turns = 0;
  start(async () => {
    turns += 1;
    return turns < 5 ? 1 : HOUR_MS;
  });
  await eventually(() => expect(turns).toBe(5));
});

test("when it is started twice, then it runs once", async () => {
  let turns = 0;
  const running = start(async () => {
    turns += 1;
    return HOUR_MS;
  });
  running.start();
  await eventually(() => expect(turns).toBe(1));
});

test("when it is nudged, then it rests no longer, each time", async () => {
  let turns = 0;
  const running = start(async () => {
    turns += 1;
    return HOUR_MS;
  });
  await eventually(() => expect(turns).toBe(1));
  await eventually(() => {
    running.nudge();
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

test("when a turn throws, then the error is told and says how long to rest", async () => {
  const errors: unknown[] = [];
  let turns = 0;
  loop = new StoppableLoop(
    async () => {
      turns += 1;
      if (turns < 3) throw new Error(`turn ${turns}`);
      return HOUR_MS;
    },
    (error) => {
      errors.push(error);
      return 1;
    },
  );
  loop.start();
  await eventually(() => expect(turns).toBe(3));
  expect(errors).toMatchObject([{ message: "turn 1" }, { message: "turn 2" }]);
});

test("when it is stopped, then it ends at once although it rests, and no turn follows", async () => {
  let turns = 0;
  const running = start(async () => {
    turns += 1;
    return HOUR_MS;
  });
  await eventually(() => expect(turns).toBe(1));
  await Promise.all([running.stop(), running.stop()]);
  running.nudge();
  running.start();
  expect(turns).toBe(1);
});

test("when it is stopped during a turn, then the turn hears of it, and the stop waits for its end", async () => {
  let ended = false;
  const running = start(async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    ended = true;
    return HOUR_MS;
  });
  await running.stop();
  expect(ended).toBe(true);
});

test("when the stop makes a turn fail, then nobody is told of an error", async () => {
  let errors = 0;
  const running = start(
    (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("stopped"))),
      ),
    () => (errors += 1),
  );
  await running.stop();
  expect(errors).toBe(0);
});

test("when it was never started, then it stops", async () => {
  loop = new StoppableLoop(
    () => Promise.resolve(HOUR_MS),
    () => HOUR_MS,
  );
  await loop.stop();
  expect(loop).toBeDefined();
});
