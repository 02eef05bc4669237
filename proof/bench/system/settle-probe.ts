import { setTimeout as pause } from "node:timers/promises";
import { call } from "@shop/test-support/http";
import { createLatencies, type Latencies } from "../load/latencies.ts";

/** Seldom: each look is one more request through the gateway, and counts as work for the orders. */
const EVERY_MS = 200;
const LOOK_EVERY_MS = 10;
const SETTLE_LIMIT_MS = 30_000;

export interface SettleProbe {
  /** Waits for the orders that are under way. */
  stop(): Promise<{ latencies: Latencies; accepted: number }>;
}

/** A client beside the load: orders now and then, and asks for its order until that is settled. */
export function startSettleProbe(url: string, productIds: readonly number[]): SettleProbe {
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
