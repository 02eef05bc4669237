import { expect, test } from "vitest";
import { nothing, statuses, type Drill } from "./drill.ts";
import type { Heard } from "./load.ts";
import { unexpected } from "./verdict.ts";

const GET = "GET /products/:id";

const heard = (count: number, status: number | undefined, tookMs = 5): Heard[] =>
  Array.from({ length: count }, () => ({ what: GET, status, at: 0, tookMs }));

interface Circumstances {
  readonly tolerates?: Drill["tolerates"];
  readonly turnedAway?: number;
}

const judge = (all: Heard[], { tolerates = nothing, turnedAway = 0 }: Circumstances = {}) =>
  unexpected(tolerates, { ledger: { entries: [] }, load: { heard: all, turnedAway } });

test("successes, and what the drill allows, are nothing unexpected", () => {
  const allowed = statuses(/products/, [502]);
  const all = [...heard(50, 200), ...heard(50, 502)];
  expect(judge(all, { tolerates: allowed })).toEqual({ refused: [], wrong: [] });
});

test.each([500, 502, 404])("%i is wrong, however seldom", (status) => {
  const { refused, wrong } = judge([...heard(999, 200), ...heard(1, status)]);
  expect(refused).toEqual([]);
  expect(wrong).toEqual([`heard ${GET} ${status} ×1`]);
});

test("a broken connection is wrong; who gave up after a long wait was refused", () => {
  const { refused, wrong } = judge([
    ...heard(98, 200),
    ...heard(1, undefined),
    ...heard(1, undefined, 20_000),
  ]);
  expect(refused).toEqual([`heard ${GET} no answer ×1`]);
  expect(wrong).toEqual([`heard ${GET} no answer ×1`]);
});

test.each([429, 503, 504])(
  "a busy machine explains %i up to a tenth of all, and no more",
  (status) => {
    const some = judge([...heard(90, 200), ...heard(10, status)]);
    expect(some).toEqual({ refused: [`heard ${GET} ${status} ×10`], wrong: [] });
    const many = judge([...heard(89, 200), ...heard(11, status)]);
    expect(many).toEqual({ refused: [], wrong: [`heard ${GET} ${status} ×11`] });
  },
);

test("whoever was not sent counts as refused", () => {
  expect(judge(heard(90, 200), { turnedAway: 10 }).refused).toHaveLength(1);
  expect(judge(heard(89, 200), { turnedAway: 11 }).wrong).toHaveLength(1);
});

test("where orders may be refused, whoever was not sent is no complaint", () => {
  const tolerates = statuses(/^POST \/orders/, [503]);
  expect(judge(heard(90, 200), { tolerates, turnedAway: 100 })).toEqual({ refused: [], wrong: [] });
});
