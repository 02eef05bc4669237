import { setTimeout as pause } from "node:timers/promises";
import type { Address } from "../load/connection.ts";
import type { LoadJob } from "../load/load-job.ts";
import type { Figures } from "../scenario.ts";
import { countOrders, countPending, mistakesInTheBooks } from "./books.ts";
import { startSettleProbe } from "./settle-probe.ts";
import { cpuPer, memoryFigures, type Shop } from "./shop.ts";

const DRAIN_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 10;

export interface OrdersLoad {
  readonly address: Address;
  readonly productIds: readonly number[];
  readonly connections: number;
  readonly seconds: number;
  readonly perSecond?: number;
}

const jobOf = ({ productIds, ...rest }: OrdersLoad): LoadJob => ({
  ...rest,
  requests: productIds.map((productId) => ({ path: "/orders", body: { productId, qty: 1 } })),
  headers: {},
});

/** Load, then waiting until every order is settled; then the books must be right. */
export async function runOrders(
  shop: Shop,
  load: OrdersLoad,
  signal: AbortSignal,
): Promise<Figures> {
  const ordersBefore = await countOrders(shop);
  const cpuBefore = shop.cpuUs();
  const startedAt = performance.now();
  const probe = startSettleProbe(shop.url, load.productIds);
  const half = halfWay(shop, load.seconds, signal);
  // It is waited for further down, and not at all when the load fails.
  half.catch(() => undefined);
  const result = await shop.load.run(jobOf(load), signal).catch(async (error: unknown) => {
    await probe.stop().catch(() => undefined);
    throw error;
  });
  const backlog = await countPending(shop);
  const loadedAt = performance.now();
  const probed = await probe.stop();
  await drained(shop, signal);
  const drainMs = performance.now() - loadedAt;
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuAfter = shop.cpuUs();
  const memory = shop.memoryMb();
  const { backlog: halfBacklog, memory: halfMemory } = await half;
  const settled = (await countOrders(shop)) - ordersBefore;

  const accepted = result.ok + probed.accepted;
  // A request that failed may have left an order all the same; one that was answered 201 must have.
  const lost = Math.max(0, accepted - settled) + Math.max(0, settled - accepted - result.failed);
  return {
    acceptedPerSecond: result.ok / result.seconds,
    settledPerSecond: settled / seconds,
    failed: result.failed,
    p50Ms: result.p50Ms,
    p95Ms: result.p95Ms,
    p99Ms: result.p99Ms,
    doneP50Ms: probed.latencies.quantile(0.5),
    doneP95Ms: probed.latencies.quantile(0.95),
    halfBacklog,
    backlog,
    drainMs,
    mistakes: lost + (await mistakesInTheBooks(shop)),
    ...cpuPer(settled, cpuBefore, cpuAfter),
    ...memoryFigures("memory", memory),
    ...memoryFigures("half memory", halfMemory),
  };
}

/** What grows shows in the difference from here to the end. */
async function halfWay(shop: Shop, seconds: number, signal: AbortSignal) {
  await pause((seconds * 1_000) / 2, undefined, { signal });
  return { backlog: await countPending(shop), memory: shop.memoryMb() };
}

async function drained(shop: Shop, signal: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + DRAIN_LIMIT_MS;
  while ((await countPending(shop)) > 0) {
    if (performance.now() > giveUpAt) throw new Error("orders stay pending");
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}
