import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseEnvFile, withEnvFile } from "./env-file.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

test("When lines hold comments, quotes, spaces or no value, then only what is set counts", () => {
  const text = [
    "# PORT=1",
    "PLAIN=1",
    "  SPACED = a b ",
    'QUOTED="with # and spaces "',
    "export SHELL_LIKE=yes",
    "EMPTY=",
    "not a setting",
    "URL=amqp://shop:a=b@127.0.0.1:1/x\r",
  ].join("\n");

  expect(parseEnvFile(text)).toEqual({
    PLAIN: "1",
    SPACED: "a b",
    QUOTED: "with # and spaces ",
    SHELL_LIKE: "yes",
    EMPTY: "",
    URL: "amqp://shop:a=b@127.0.0.1:1/x",
  });
});

test.each([
  ["PORT=5000 # comment", "5000"],
  ["PORT=5000\t# comment # more", "5000"],
  ["PORT= # nothing", ""],
  ['SECRET="a # b" # comment', "a # b"],
  ["SECRET='a # b'", "a # b"],
  ['SECRET="a" and "b"', 'a" and "b'],
  ["SECRET=a#b", "a#b"],
  ["SECRET=#ab", "#ab"],
  ["URL=http://host/#/path", "http://host/#/path"],
])("When a line is %s, then the value is %j", (line, value) => {
  expect(Object.values(parseEnvFile(line))).toEqual([value]);
});

test("When a variable is set already, then the file does not change it", async () => {
  const file = join(await testFolder("env"), ".env");
  writeFileSync(file, "A=from file\nB=from file\n");

  expect(withEnvFile(file, { A: "from environment" })).toEqual({
    A: "from environment",
    B: "from file",
  });
});

test("When there is no file, then the environment stays as it is", () => {
  expect(withEnvFile("/nowhere/.env", { A: "1" })).toEqual({ A: "1" });
});
