import { expect, test } from "vitest";
import { parseLoadArguments } from "./load-arguments.ts";
import { recordFile } from "./record-files.ts";
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

test("The files of later runs come later by name, and have no character that a system refuses", () => {
  const one = recordFile("orders", new Date("2026-11-20T09:59:59.999Z"));
  const two = recordFile("orders", new Date("2026-11-20T10:00:00.000Z"));
  expect(one).toBe("orders-2026-11-20T09-59-59-999Z.json");
  expect([two, one].toSorted()).toEqual([one, two]);
});

test.each([
  ["linux", "snap install k6"],
  ["darwin", "brew install k6"],
  ["win32", "winget install k6"],
  ["freebsd", "https://grafana.com"],
] as const)("On %s the way to k6 is %s", (platform, way) => {
  expect(howToGetK6(platform)).toContain(way);
});
