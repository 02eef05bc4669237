import { readConfig } from "@shop/service-kit/config/read-config";
import {
  instances,
  milliseconds,
  port,
  redisVariables,
  serviceVariables,
} from "@shop/service-kit/config/variables";
import { z } from "zod";

export const variables = z.object({
  ...serviceVariables,
  ...redisVariables,
  PORT: port.prefault("3002").describe("The port to listen on."),
  PRODUCT_SERVICE_URLS: instances
    .describe(
      "Where it asks for products: one URL for each instance of product-service, with commas.",
    )
    .meta({ example: "http://localhost:3001" }),
  RECONCILE_AFTER_MS: milliseconds({ min: 100, max: 3_600_000 })
    .prefault("30000")
    .describe(
      "How long an order may stay pending before its event is republished, in milliseconds; the next waits are longer.",
    ),
  RECONCILE_EVERY_MS: milliseconds({ min: 50, max: 3_600_000 })
    .prefault("5000")
    .describe("How often the reconciler looks for such orders, in milliseconds."),
  IDEMPOTENCY_KEEP_MS: milliseconds({ min: 86_400_000, max: 2_592_000_000 })
    .prefault("90000000")
    .describe("How long an Idempotency-Key is remembered, in milliseconds: 24 hours at least."),
});

/** For injection: the use cases read what is theirs. */
export const CONFIG = Symbol("configuration");

export type OrderServiceConfig = Readonly<z.infer<typeof variables>>;

export const readOrderServiceConfig = (environment: NodeJS.ProcessEnv): OrderServiceConfig =>
  readConfig(variables, environment);
