import { expect, test } from "vitest";
import { outputForTerminal } from "./program-output.ts";

const INFO = '{"level":"info","msg":"listening"}';
const WARN = '{"level":"warn","msg":"the broker is away"}';
const EVENT = '{"level":"info","event":"order.created"}';
const CRASH = "Error: DATABASE_URL is missing";
const OUTPUT = [INFO, WARN, EVENT, CRASH, ""].join("\n");

function shown(filter: { showEvents: boolean; showAll: boolean }, ...chunks: string[]): string[] {
  const lines: string[] = [];
  const take = outputForTerminal(filter, (line) => lines.push(line));
  for (const chunk of chunks) take(chunk);
  return lines;
}

test("When nothing is asked for, then the terminal gets warnings, and what is no log line", () => {
  expect(shown({ showEvents: false, showAll: false }, OUTPUT)).toEqual([WARN, CRASH]);
});

test("When events are asked for, then they are shown unchanged", () => {
  expect(shown({ showEvents: true, showAll: false }, OUTPUT)).toEqual([WARN, EVENT, CRASH]);
});

test("When a level is asked for, then everything is shown that the program writes", () => {
  expect(shown({ showEvents: false, showAll: true }, OUTPUT)).toHaveLength(4);
});

test("When a line comes in pieces, then it is shown once and whole", () => {
  const pieces = [WARN.slice(0, 5), WARN.slice(5), "\n"];
  expect(shown({ showEvents: false, showAll: false }, ...pieces)).toEqual([WARN]);
});
