import type { LoadRequest } from "../load/load-job.ts";
import type { Figures } from "../scenario.ts";
import { cpuPer, type Shop } from "./shop.ts";

export interface RequestsLoad {
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly seconds: number;
  readonly perSecond?: number;
}

/** Through the gateway; for requests whose answer is all there is to wait for. */
export async function runRequests(
  shop: Shop,
  load: RequestsLoad,
  signal: AbortSignal,
): Promise<Figures> {
  const cpuBefore = shop.cpuUs();
  const result = await shop.load.run({ ...load, address: shop.gateway, headers: {} }, signal);
  return {
    perSecond: result.ok / result.seconds,
    failed: result.failed,
    p50Ms: result.p50Ms,
    p95Ms: result.p95Ms,
    p99Ms: result.p99Ms,
    ...cpuPer(result.ok, cpuBefore, shop.cpuUs()),
  };
}
