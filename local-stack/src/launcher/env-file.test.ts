import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { misspelledNames } from "../../../service-kit/src/config/misspelled-names.ts";
import { KNOWN_VARIABLES } from "commands/reference/configuration-reference";
import { sayMisspelledNames, withEnvFile } from "./env-file.ts";
import { sayTo } from "../terminal/say.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

test.each([
  ["A=5000 # comment", "5000"],
  ["  A = a b ", "a b"],
  ["A=5000\t# comment # more", "5000"],
  ["A= # nothing", ""],
  ['A="a # b" # comment', "a # b"],
  ["export A='a # b'", "a # b"],
  ['A="a" and "b"', 'a" and "b'],
  ["A=a#b", "a#b"],
  ["A=http://host/#/path\r", "http://host/#/path"],
  ["# A=1\nnot a setting\nA=2", "2"],
])("reads %j as %j", async (text, value) => {
  const file = join(await testFolder("env"), ".env");
  writeFileSync(file, text);
  expect(withEnvFile(file, {})).toEqual({ A: value });
  expect(withEnvFile(file, { A: "environment" })).toEqual({ A: "environment" });
});

test("the environment stays as it is without a file", () => {
  expect(withEnvFile("/nowhere/.env", { A: "1" })).toEqual({ A: "1" });
});

test("points out a name in .env that is nearly one that something reads", async () => {
  const file = join(await testFolder("misspelled"), ".env");
  const said: string[] = [];
  onTestFinished(sayTo((line) => void said.push(line)));
  sayMisspelledNames(file, KNOWN_VARIABLES);
  writeFileSync(file, "RATE_LIMT=10\nLOG_LEVEL=info\nNODE_OPTIONS=x\n# PROT=1\n");
  sayMisspelledNames(file, KNOWN_VARIABLES);
  expect(said).toEqual([".env: nothing reads RATE_LIMT. Did you mean RATE_LIMIT?"]);
});

test.each([
  ["GATEWAY_PROT", "GATEWAY_PORT"],
  ["PORT_OFSET", "PORT_OFFSET"],
  ["JWT_SECRETS", "JWT_SECRET"],
])("takes %s for a misspelled %s", (name, meant) => {
  expect(misspelledNames([name], KNOWN_VARIABLES)).toEqual([[name, meant]]);
});

test.each(["PATH", "HOME", "TZ", "K6", "TOKEN", "GOGC", "COMPOSE_PROJECT_NAME", "NODE_OPTIONS"])(
  "takes %s for a variable of another program",
  (name) => {
    expect(misspelledNames([name], KNOWN_VARIABLES)).toEqual([]);
  },
);
