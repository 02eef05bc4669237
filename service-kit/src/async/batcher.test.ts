import { describe, expect, test } from "vitest";
import { Batcher, type BatcherOptions } from "./batcher.ts";

class Refused extends Error {}

const done = (items: readonly number[]): PromiseSettledResult<number>[] =>
  items.map((item) => ({ status: "fulfilled", value: item * 10 }));

/** A batcher whose batches wait until they are let go. */
function createBatcher(options: Partial<BatcherOptions<number, number>> = {}) {
  const batches: { items: readonly number[]; finish: (error?: Error) => void }[] = [];
  const batcher = new Batcher<number, number>({
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, finish: (error) => (error ? reject(error) : resolve(done(items))) });
      }),
    maxBatch: 3,
    maxRunning: 1,
    maxWaiting: 5,
    maxWaitMs: 10_000,
    refuse: () => new Refused("too much"),
    ...options,
  });
  return { batcher, batches, sizes: () => batches.map(({ items }) => items.length) };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("when items arrive in one turn, then they share a batch, and each gets its own result", async () => {
  const { batcher, batches } = createBatcher();
  const results = Promise.all([batcher.add(1), batcher.add(2), batcher.add(3)]);
  await nextTurn();
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  batches[0]!.finish();
  expect(await results).toEqual([10, 20, 30]);
});

test("when items arrive during a batch, then they are the next ones, no larger than allowed, in order", async () => {
  const { batcher, batches } = createBatcher();
  const results = [batcher.add(1)];
  await nextTurn();
  for (const item of [2, 3, 4, 5]) results.push(batcher.add(item));
  expect(batcher.size).toBe(4);
  await nextTurn();
  expect(batches).toHaveLength(1);
  batches[0]!.finish();
  await results[0];
  await nextTurn();
  batches[1]!.finish();
  await results[1];
  await nextTurn();
  batches[2]!.finish();
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50]);
  expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
});

test("when several batches may run, then no more than those do", async () => {
  const { batcher, batches, sizes } = createBatcher({ maxBatch: 1, maxRunning: 2 });
  const results = [1, 2, 3].map((item) => batcher.add(item));
  await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(sizes()).toEqual([1, 1]);
  batches[1]!.finish();
  await results[1];
  await nextTurn();
  expect(sizes()).toEqual([1, 1, 1]);
  batches[0]!.finish();
  batches[2]!.finish();
  expect(await Promise.all(results)).toEqual([10, 20, 30]);
});

describe("when another batch is to begin only from three items on, or after a while", () => {
  test("and only two wait, then they stay until a third comes, or nothing is at work any more", async () => {
    const another = { from: 3, afterMs: 60_000 };
    const { batcher, batches, sizes } = createBatcher({ maxRunning: 2, another });
    const results = [batcher.add(1)];
    await nextTurn();
    results.push(batcher.add(2), batcher.add(3));
    await nextTurn();
    expect(sizes()).toEqual([1]);
    results.push(batcher.add(4));
    await nextTurn();
    expect(sizes()).toEqual([1, 3]);
    results.push(batcher.add(5));
    batches[0]!.finish();
    await results[0];
    await nextTurn();
    expect(sizes()).toEqual([1, 3]);
    batches[1]!.finish();
    await results[3];
    await nextTurn();
    expect(sizes()).toEqual([1, 3, 1]);
    batches[2]!.finish();
    expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50]);
  });

  test("and the one at work is stuck, then each that waits begins after its own while", async () => {
    const another = { from: 3, afterMs: 20 };
    const { batcher, batches, sizes } = createBatcher({ maxRunning: 3, another });
    const results = [batcher.add(1)];
    await nextTurn();
    for (const [item, begun] of [
      [2, [1, 1]],
      [3, [1, 1, 1]],
    ] as const) {
      const addedAt = performance.now();
      results.push(batcher.add(item));
      await expect.poll(sizes, { interval: 1 }).toEqual(begun);
      expect(performance.now() - addedAt).toBeGreaterThanOrEqual(another.afterMs);
    }
    for (const { finish } of batches) finish();
    expect(await Promise.all(results)).toEqual([10, 20, 30]);
  });
});

describe("when it is too much", () => {
  test("and the queue is full, then one more is refused at once, and there is room again later", async () => {
    const { batcher, batches } = createBatcher({ maxWaiting: 2 });
    const first = batcher.add(1);
    await nextTurn();
    const waiting = [batcher.add(2), batcher.add(3)];
    await expect(batcher.add(4)).rejects.toThrow(Refused);
    batches[0]!.finish();
    await first;
    await nextTurn();
    const later = batcher.add(5);
    batches[1]!.finish();
    await Promise.all(waiting);
    await nextTurn();
    batches[2]!.finish();
    expect(await later).toBe(50);
  });

  test("and items have waited too long, then they are refused and the fresh ones are worked on", async () => {
    const { batcher, batches } = createBatcher({ maxWaitMs: 40 });
    const first = batcher.add(1);
    await nextTurn();
    const startedAt = performance.now();
    const old = [batcher.add(2), batcher.add(3)].map((item) => item.catch((error: Error) => error));
    while (performance.now() - startedAt < 45) await nextTurn();
    const fresh = batcher.add(4);
    batches[0]!.finish();
    await first;
    expect(await Promise.all(old)).toEqual([expect.any(Refused), expect.any(Refused)]);
    await nextTurn();
    expect(batches[1]!.items).toEqual([4]);
    batches[1]!.finish();
    expect(await fresh).toBe(40);
  });

  test("and all have waited too long, then nothing is run and it is drained", async () => {
    const { batcher, batches } = createBatcher({ maxWaitMs: 20 });
    const first = batcher.add(1);
    await nextTurn();
    const startedAt = performance.now();
    const old = batcher.add(2);
    const drained = batcher.drained();
    while (performance.now() - startedAt < 25) await nextTurn();
    batches[0]!.finish();
    await first;
    await expect(old).rejects.toThrow(Refused);
    await drained;
    expect(batches).toHaveLength(1);
  });
});

describe("when a batch fails", () => {
  test("as a whole, then each of its items fails with the reason, and the next batch is not touched", async () => {
    const { batcher, batches } = createBatcher();
    const first = [batcher.add(1), batcher.add(2)].map((item) =>
      item.catch((error: Error) => error.message),
    );
    await nextTurn();
    const second = batcher.add(3);
    batches[0]!.finish(new Error("broken"));
    expect(await Promise.all(first)).toEqual(["broken", "broken"]);
    await nextTurn();
    batches[1]!.finish();
    expect(await second).toBe(30);
  });

  test("for one item, then only that one fails", async () => {
    const { batcher } = createBatcher({
      run: async (items) =>
        items.map((item) =>
          item === 2
            ? { status: "rejected", reason: new Error("two") }
            : { status: "fulfilled", value: item },
        ),
    });
    const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  test("by throwing at once, or by giving too few results, then nobody waits for ever", async () => {
    const throwing = createBatcher({
      run: () => {
        throw new Error("at once");
      },
    });
    await expect(throwing.batcher.add(1)).rejects.toThrow("at once");
    const short = createBatcher({ run: async () => done([1]) });
    const [first, second] = await Promise.allSettled([short.batcher.add(1), short.batcher.add(2)]);
    expect(first).toMatchObject({ status: "fulfilled" });
    expect(second).toMatchObject({ status: "rejected", reason: expect.any(Error) });
  });
});

test("when it is asked for its end, then that comes once nothing waits and nothing runs, for all who ask", async () => {
  const { batcher, batches } = createBatcher();
  await batcher.drained();
  const results = [1, 2, 3, 4].map((item) => batcher.add(item));
  let ended = 0;
  const ends = [batcher.drained(), batcher.drained()].map((end) => end.then(() => (ended += 1)));
  await nextTurn();
  batches[0]!.finish();
  await results[0];
  await nextTurn();
  expect(ended).toBe(0);
  batches[1]!.finish();
  await Promise.all(ends);
  expect(await Promise.all(results)).toHaveLength(4);
});
