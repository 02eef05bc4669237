import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { DOCUMENTS } from "./documents.ts";

test.each(Object.keys(DOCUMENTS))("%s is what npm run docs writes", (path) => {
  const text = readFileSync(join(CHECKOUT, path), "utf8").replaceAll("\r\n", "\n");
  expect(text).toBe(DOCUMENTS[path]!());
});
