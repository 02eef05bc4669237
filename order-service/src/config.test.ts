import { expectEnvExample } from "@shop/test-support/env-example";
import { test } from "vitest";
import { readOrderServiceConfig, variables } from "./config.ts";

test("the reference tells of every variable, with its default", () => {
  expectEnvExample("order-service", variables, readOrderServiceConfig);
});
