import type { OrderServiceConfig } from "./config.ts";

/** What of the configuration the use cases need, under its own token. */
export interface OrderSettings {
  readonly sweepAfterMs: number;
  readonly sweepEveryMs: number;
  readonly idempotencyKeepMs: number;
  readonly productServiceUrls: readonly string[];
  readonly internalToken: string | undefined;
}

export const ORDER_SETTINGS = Symbol("order settings");

export const toSettings = (config: OrderServiceConfig): OrderSettings => ({
  sweepAfterMs: config.SWEEP_AFTER_MS,
  sweepEveryMs: config.SWEEP_EVERY_MS,
  idempotencyKeepMs: config.IDEMPOTENCY_KEEP_MS,
  productServiceUrls: config.PRODUCT_SERVICE_URLS,
  internalToken: config.INTERNAL_TOKEN,
});
