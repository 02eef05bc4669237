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
  PORT: port.prefault("3002"),
  PRODUCT_SERVICE_URLS: instances,
  /** How long an order may stay pending before it is told again; the next waits are longer. */
  SWEEP_AFTER_MS: milliseconds({ min: 100, max: 3_600_000 }).prefault("30000"),
  SWEEP_EVERY_MS: milliseconds({ min: 50, max: 3_600_000 }).prefault("5000"),
  /** The contract promises 24 hours at least. */
  IDEMPOTENCY_KEEP_MS: milliseconds({ min: 86_400_000, max: 2_592_000_000 }).prefault("90000000"),
});

export type OrderServiceConfig = Readonly<z.infer<typeof variables>>;

export const readOrderServiceConfig = (environment: NodeJS.ProcessEnv): OrderServiceConfig =>
  readConfig(variables, environment);
