import { setTimeout as pause } from "node:timers/promises";
import { call } from "@shop/test-support/http";
import { createLatencies, type Latencies } from "../latencies.ts";
import type { LoadJob } from "../load.ts";
import type { Figures } from "../measure.ts";
import { cpuPer, memoryFigures, type Shop } from "./shop.ts";

async function countOrders({ orders }: Shop): Promise<number> {
  const [row] = await orders<{ count: number }>("SELECT count(*)::int AS count FROM orders");
  return row!.count;
}

async function countPending({ orders }: Shop): Promise<number> {
  const [row] = await orders<{ count: number }>(
    "SELECT count(*)::int AS count FROM orders WHERE status = 'pending'",
  );
  return row!.count;
}

/** For a system at rest: products whose stock does not add up, and settled orders without their movement or the other way round. */
async function mistakesInTheBooks({ orders, products }: Shop): Promise<number> {
  const [stock] = await products<{ wrong: number; decided: number }>(
    `SELECT count(*) FILTER (WHERE p.qty < 0
         OR p.qty <> p.initial_qty + coalesce(a.delta, 0) - coalesce(m.taken, 0))::int AS wrong,
       (SELECT count(*) FROM stock_movements)::int AS decided
     FROM products AS p
     LEFT JOIN (SELECT product_id, sum(delta) AS delta FROM stock_adjustments GROUP BY 1) AS a
       ON a.product_id = p.id
     LEFT JOIN (SELECT product_id, sum(qty) AS taken FROM stock_movements
                WHERE status = 'done' GROUP BY 1) AS m ON m.product_id = p.id`,
  );
  const [settled] = await orders<{ count: number }>(
    "SELECT count(*)::int AS count FROM orders WHERE status <> 'pending'",
  );
  return stock!.wrong + Math.abs(stock!.decided - settled!.count);
}

/** Seldom: each look is one more request through the gateway, and counts as work for the orders. */
const EVERY_MS = 200;
const LOOK_EVERY_MS = 10;
const SETTLE_LIMIT_MS = 30_000;

interface SettleProbe {
  /** Waits for the orders that are under way. */
  stop(): Promise<{ latencies: Latencies; accepted: number }>;
}

/** A client beside the load: orders now and then, and asks for its order until that is settled. */
function startSettleProbe(url: string, productIds: readonly number[]): SettleProbe {
  const latencies = createLatencies();
  const underWay = new Set<Promise<void>>();
  const ended = new AbortController();
  let accepted = 0;

  const follow = async (productId: number): Promise<void> => {
    const sentAt = performance.now();
    const { status, body } = await call(`${url}/orders`, { body: { productId, qty: 1 } });
    if (status !== 201) return;
    accepted += 1;
    while (performance.now() - sentAt < SETTLE_LIMIT_MS) {
      const answer = await call(`${url}/orders/${body.data.id}`);
      if (answer.body?.data?.status === "done") {
        latencies.add(performance.now() - sentAt);
        return;
      }
      await pause(LOOK_EVERY_MS);
    }
    throw new Error(`order ${body.data.id} is not done after ${SETTLE_LIMIT_MS / 1_000} s`);
  };

  const running = (async () => {
    for (let turn = 0; !ended.signal.aborted; turn += 1) {
      const one = follow(productIds[turn % productIds.length]!);
      underWay.add(one);
      void one.finally(() => underWay.delete(one)).catch(() => undefined);
      await pause(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();

  return {
    stop: async () => {
      ended.abort();
      await running;
      await Promise.all(underWay);
      return { latencies, accepted };
    },
  };
}

const DRAIN_LIMIT_MS = 120_000;

export interface OrdersLoad {
  readonly url: string;
  readonly productIds: readonly number[];
  readonly connections: number;
  readonly seconds: number;
  readonly perSecond?: number;
}

const jobOf = ({ productIds, ...rest }: OrdersLoad): LoadJob => ({
  ...rest,
  requests: productIds.map((productId) => ({ path: "/orders", body: { productId, qty: 1 } })),
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
