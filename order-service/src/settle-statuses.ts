import { Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import { Database } from "@shop/service-kit/database/database";
import { LockPatience } from "@shop/service-kit/database/lock-patience";
import { Metrics, type Counter } from "@shop/service-kit/operations/metrics";
import { OrderLists } from "./order-lists.ts";
import { lockFreePending, settlePending, type Outcome } from "./order.sql.ts";

type OrderUpdated = EventOf<"order.updated">;

/** `order.updated` in batches: a pending order gets its outcome, once; anything else changes nothing. */
@Injectable()
export class SettleStatuses {
  private readonly settled: Counter;
  private readonly unchanged: Counter;
  private readonly patience = new LockPatience();

  constructor(
    private readonly database: Database,
    private readonly lists: OrderLists,
    metrics: Metrics,
  ) {
    this.settled = metrics.counter("orders_settled_total", "Orders that got their outcome");
    this.unchanged = metrics.counter(
      "order_outcomes_repeated_total",
      "Outcomes that changed nothing",
    );
  }

  /** Gives back the outcomes of orders that somebody holds for long. */
  async handle(events: readonly OrderUpdated[]): Promise<readonly OrderUpdated[]> {
    // From the last to the first, so that the first outcome of an order is the one that stays in the map.
    const outcomes = new Map(events.toReversed().map(({ data }) => [data.orderId, data]));
    const { productIds, held } = await this.patience.run((skipLocked) =>
      skipLocked ? this.settleFree(outcomes) : this.settleAll(outcomes),
    );
    const leftOut = events.filter(({ data }) => held.includes(data.orderId));
    this.settled.inc(productIds.length);
    this.unchanged.inc(events.length - leftOut.length - productIds.length);
    if (productIds.length > 0) await this.lists.forget(productIds);
    return leftOut;
  }

  private async settleAll(outcomes: ReadonlyMap<string, Outcome>): Promise<Settled> {
    return { productIds: await settlePending(this.database.sql, [...outcomes.values()]), held: [] };
  }

  private settleFree(outcomes: ReadonlyMap<string, Outcome>): Promise<Settled> {
    return this.database.transaction(async ({ sql }) => {
      const held = await lockFreePending(sql, [...outcomes.keys()]);
      const free = [...outcomes.values()].filter(({ orderId }) => !held.includes(orderId));
      return { productIds: await settlePending(sql, free), held };
    });
  }
}

interface Settled {
  readonly productIds: readonly number[];
  readonly held: readonly string[];
}
