import { expectEnvExample } from "@shop/test-support/env-example";
import { test } from "vitest";
import { readProductServiceConfig, variables } from "./config.ts";

test("the reference tells of every variable, with its default", () => {
  expectEnvExample("product-service", variables, readProductServiceConfig);
});
