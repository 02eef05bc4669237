import { expect, test } from "vitest";
import { SingleFlight } from "./single-flight.ts";

test("when many ask for one key at once, then it is loaded once and all get the answer", async () => {
  const flights = new SingleFlight<string, number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let loads = 0;
  const load = () => {
    loads += 1;
    return promise;
  };
  const answers = Array.from({ length: 100 }, () => flights.do("a", load));
  const other = flights.do("b", async () => 2);
  resolve(1);
  expect(new Set(await Promise.all(answers))).toEqual(new Set([1]));
  expect(await other).toBe(2);
  expect(loads).toBe(1);
});

test("when the load is over, then the next one who asks loads again", async () => {
  const flights = new SingleFlight<string, number>();
  let loads = 0;
  const load = async () => (loads += 1);
  expect(await flights.do("a", load)).toBe(1);
  expect(await flights.do("a", load)).toBe(2);
});

test("when the load fails, then all who waited fail, and the next one loads again", async () => {
  const flights = new SingleFlight<string, number>();
  const failing = () => Promise.reject<number>(new Error("no"));
  const outcomes = await Promise.allSettled([flights.do("a", failing), flights.do("a", failing)]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await flights.do("a", async () => 5)).toBe(5);
});

test("when somebody needs what is loaded after the call, then a load that runs does not do, and those who wait share the next one", async () => {
  const flights = new SingleFlight<string, number>();
  const first = Promise.withResolvers<number>();
  let loads = 0;
  const early = flights.do("a", () => first.promise);
  const late = ["b", "c"].map(() => flights.doAfter("a", async () => (loads += 1)));
  first.resolve(0);
  expect(await early).toBe(0);
  expect(await Promise.all(late)).toEqual([1, 1]);
  expect(await flights.doAfter("a", async () => (loads += 1))).toBe(2);
});
