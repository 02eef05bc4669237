import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CHECKOUT } from "../terminal/checkout.ts";
import { knownNames, misspelledNames, sayMisspelledNames } from "./misspelled-names.ts";
import { sayTo } from "../terminal/say.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

test("When .env has a name that is nearly one that is read, then a line says which is meant", async () => {
  const checkout = await testFolder("misspelled");
  mkdirSync(join(checkout, "gateway"));
  writeFileSync(join(checkout, ".env.example"), "# LOG_LEVEL=\n");
  writeFileSync(join(checkout, "gateway", ".env.example"), "# RATE_LIMIT=\nPORT=4000\n");
  const said: string[] = [];
  onTestFinished(sayTo((line) => void said.push(line)));
  sayMisspelledNames(checkout);
  writeFileSync(join(checkout, ".env"), "RATE_LIMT=10\nLOG_LEVEL=info\nNODE_OPTIONS=x\n# PROT=1\n");
  sayMisspelledNames(checkout);
  expect(said).toEqual([".env: nothing reads RATE_LIMT. Did you mean RATE_LIMIT?"]);
});

test.each([
  ["GATEWAY_PROT", "GATEWAY_PORT"],
  ["PORT_OFSET", "PORT_OFFSET"],
  ["log_level", "LOG_LEVEL"],
  ["JWT_SECRETS", "JWT_SECRET"],
])("%s is taken for a misspelled %s", (name, meant) => {
  expect(misspelledNames([name], knownNames(CHECKOUT))).toEqual([[name, meant]]);
});

test.each(["PATH", "HOME", "TZ", "K6", "TOKEN", "GOGC", "COMPOSE_PROJECT_NAME", "NODE_OPTIONS"])(
  "%s belongs to some other tool",
  (name) => {
    expect(misspelledNames([name], knownNames(CHECKOUT))).toEqual([]);
  },
);
