import { expect, test } from "vitest";
import { parseBenchArguments } from "./bench-arguments.ts";

const GROUPS = { gateway: ["proxy", "bff"], system: ["orders", "reads"], big: ["big-orders"] };
const parse = (...args: string[]) => parseBenchArguments(args, GROUPS);

test("everything is run and written unless something else is said; the big one only when asked for", () => {
  expect(parse()).toEqual({
    names: ["proxy", "bff", "orders", "reads"],
    rounds: undefined,
    seconds: undefined,
    write: true,
    list: false,
  });
  expect(parse("--big").names).toEqual(["proxy", "bff", "orders", "reads", "big-orders"]);
});

test("--only takes scenarios and groups, several too", () => {
  expect(parse("--only", "reads").names).toEqual(["reads"]);
  expect(parse("--only", "reads", "--only", "gateway").names).toEqual(["proxy", "bff", "reads"]);
  expect(parse("--only", "big").names).toEqual(["big-orders"]);
});

test("rounds, seconds and what is not to be written", () => {
  const { rounds, seconds, write } = parse("--rounds", "5", "--seconds", "60", "--no-write");
  expect({ rounds, seconds, write }).toEqual({ rounds: 5, seconds: 60, write: false });
});

test("what can't be is refused, with what can", () => {
  expect(() => parse("--only", "writes")).toThrow("There is no writes. Give one of: gateway");
  expect(() => parse("--rounds", "0")).toThrow("--rounds takes a number from 1");
  expect(() => parse("--seconds", "soon")).toThrow("--seconds takes a number from 1");
  expect(() => parse("--fast")).toThrow("--fast");
});
