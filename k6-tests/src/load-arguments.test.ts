import { expect, test } from "vitest";
import { parseLoadArguments } from "./load-arguments.ts";
import { howToGetK6 } from "./find-k6.ts";

const names = ["orders", "reads"];

test("A script and a URL are taken in any order", () => {
  const wanted = { name: "orders", url: "http://shop:4000" };
  expect(parseLoadArguments(["orders", "--url", "http://shop:4000"], names)).toEqual(wanted);
  expect(parseLoadArguments(["--url=http://shop:4000", "orders"], names)).toEqual(wanted);
  expect(parseLoadArguments([], names)).toEqual({ name: undefined, url: undefined });
});

test.each([
  [["ordres"], "There is no ordres. Give one of: orders, reads."],
  [["orders", "reads"], "One at a time"],
  [["orders", "--url", "shop"], "shop is not a URL"],
  [["orders", "--fast"], "--fast"],
])("When %j is given, then it is refused: %s", (args, message) => {
  expect(() => parseLoadArguments(args, names)).toThrow(message);
});

test.each([
  ["linux", "snap install k6"],
  ["darwin", "brew install k6"],
  ["win32", "winget install k6"],
  ["freebsd", "https://grafana.com"],
] as const)("On %s the way to k6 is %s", (platform, way) => {
  expect(howToGetK6(platform)).toContain(way);
});
