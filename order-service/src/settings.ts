import type { OrderServiceConfig } from "./config.ts";

/** What of the configuration the use cases need, under its own token. */
export interface OrderSettings {
  readonly sweepAfterMs: number;
  readonly sweepEveryMs: number;
  readonly idempotencyKeepMs: number;
  readonly productServiceUrl: string;
  readonly internalToken: string | undefined;
}

export const ORDER_SETTINGS = Symbol("order settings");

export const toSettings = (config: OrderServiceConfig): OrderSettings => ({
  sweepAfterMs: config.SWEEP_AFTER_MS,
  sweepEveryMs: config.SWEEP_EVERY_MS,
  idempotencyKeepMs: config.IDEMPOTENCY_KEEP_MS,
  productServiceUrl: config.PRODUCT_SERVICE_URL,
  internalToken: config.INTERNAL_TOKEN,
});
