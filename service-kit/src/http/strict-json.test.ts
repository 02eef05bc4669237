import { ContractError } from "@shop/contracts/errors";
import { expect, test } from "vitest";
import { parseStrictJson } from "./strict-json.ts";

const parse = (text: string): unknown => parseStrictJson(Buffer.from(text));
const codeOf = (text: string): string => {
  try {
    parse(text);
    return "taken";
  } catch (error) {
    return error instanceof ContractError ? error.code : String(error);
  }
};
const nested = (levels: number, open = "[", close = "]"): string =>
  open.repeat(levels) + close.repeat(levels);
const keys = (count: number): string =>
  `{${Array.from({ length: count }, (_, at) => `"k${at}":1`).join()}}`;

test("a body of eight levels, or of a hundred values, is taken", () => {
  expect(codeOf(nested(8))).toBe("taken");
  expect(codeOf(keys(99))).toBe("taken");
});

test.each([
  ["nine levels of lists", nested(9)],
  ["nine levels of objects", nested(9, '{"a":', "}").replace(":}", ":1}")],
  ["100 keys", keys(100)],
  ["a hundred values in a list", `[${"0,".repeat(99)}0]`],
  ["a hundred empty objects", `[${"{},".repeat(60)}0]`],
])("%s are refused as not valid", (_name, text) => {
  expect(JSON.parse(text)).toBeTypeOf("object");
  expect(codeOf(text)).toBe("VALIDATION_FAILED");
});

test("what is too deep and not closed is no JSON", () => {
  expect(codeOf("[".repeat(50_000))).toBe("MALFORMED_JSON");
  expect(codeOf(`${"[".repeat(9)}"${"]".repeat(9)}`)).toBe("MALFORMED_JSON");
});

test("brackets and commas in strings are text", () => {
  const text = `${nested(50)},,,{"\\"${",".repeat(200)}\\\\`;
  const body = JSON.stringify({ [text]: text });
  expect(parse(body)).toEqual({ [text]: text });
});

test("a large body that is refused is not parsed", () => {
  const { parse: real } = JSON;
  let parsed = 0;
  JSON.parse = (text: string) => {
    parsed += 1;
    return real(text);
  };
  try {
    for (const text of [nested(50_000), keys(9_000), "[".repeat(100_000)]) codeOf(text);
  } finally {
    JSON.parse = real;
  }
  expect(parsed).toBe(0);
});
