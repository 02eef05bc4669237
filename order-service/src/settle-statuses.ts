import { Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import { Database } from "@shop/service-kit/database/database";
import { Metrics, type Counter } from "@shop/service-kit/operations/metrics";
import { OrderLists } from "./order-lists.ts";
import { settlePending } from "./order.sql.ts";

/** `order.updated` in batches: a pending order gets its outcome, once; anything else changes nothing. */
@Injectable()
export class SettleStatuses {
  private readonly settled: Counter;
  private readonly unchanged: Counter;

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

  async handle(events: readonly EventOf<"order.updated">[]): Promise<void> {
    // From the last to the first, so that the first outcome of an order is the one that stays in the map.
    const outcomes = new Map(events.toReversed().map(({ data }) => [data.orderId, data]));
    const productIds = await settlePending(this.database.sql, [...outcomes.values()]);
    this.settled.inc(productIds.length);
    this.unchanged.inc(events.length - productIds.length);
    if (productIds.length > 0) await this.lists.forget(productIds);
  }
}
