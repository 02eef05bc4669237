import { Inject, Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import { Database } from "@shop/service-kit/database/database";
import { LockPatience } from "@shop/service-kit/database/lock-patience";
import { LOGGER, type Logger } from "@shop/service-kit/log/logger";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { OrderLists } from "../orders/order-lists.ts";
import {
  findOfOtherProducts,
  lockFreePending,
  settlePending,
  type Outcome,
} from "../orders/order.sql.ts";

type OrderUpdated = EventOf<"order.updated">;

/** `order.updated` in batches: a pending order gets its outcome, once; anything else changes nothing. */
@Injectable()
export class SettleStatuses {
  private readonly settled: Counter;
  private readonly unchanged: Counter;
  private readonly mismatched: Counter;
  private readonly patience = new LockPatience();

  constructor(
    private readonly database: Database,
    private readonly lists: OrderLists,
    metrics: Metrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.settled = metrics.counter("orders_settled_total", "Orders that got their outcome");
    this.unchanged = metrics.counter(
      "order_outcomes_repeated_total",
      "Outcomes that changed nothing",
    );
    this.mismatched = metrics.counter(
      "order_outcomes_mismatched_total",
      "Outcomes that named another product than their order has, and changed nothing",
    );
  }

  /** Gives back the outcomes of orders that somebody holds for long. */
  async handle(events: readonly OrderUpdated[]): Promise<readonly OrderUpdated[]> {
    // From the last to the first, so that the first outcome of an order is the one that stays in the map. One that names another
    // product does not take the place of the true one.
    const outcomes = new Map(
      events.toReversed().map(({ data }) => [`${data.orderId} ${data.productId}`, data]),
    );
    const all = [...outcomes.values()];
    const { productIds, held } = await this.patience.run((skipLocked) =>
      skipLocked ? this.settleFree(all) : this.settleAll(all),
    );
    const leftOut = events.filter(({ data }) => held.includes(data.orderId));
    this.settled.inc(productIds.length);
    this.unchanged.inc(events.length - leftOut.length - productIds.length);
    if (productIds.length > 0) await this.lists.invalidate(productIds);
    const applied = all.filter(({ orderId }) => !held.includes(orderId));
    if (productIds.length < applied.length) await this.reportMismatches(applied);
    return leftOut;
  }

  /** Acknowledged all the same: an order's product never changes, so that a replay would settle nothing either. */
  private async reportMismatches(outcomes: readonly Outcome[]): Promise<void> {
    const orderIds = await findOfOtherProducts(this.database.sql, outcomes);
    if (orderIds.length === 0) return;
    this.mismatched.inc(orderIds.length);
    this.log.error(
      { outcomes: orderIds.length, orderId: orderIds[0] },
      "outcomes named another product than their order has, and changed nothing",
    );
  }

  private async settleAll(outcomes: readonly Outcome[]): Promise<Settled> {
    return { productIds: await settlePending(this.database.sql, outcomes), held: [] };
  }

  private settleFree(outcomes: readonly Outcome[]): Promise<Settled> {
    return this.database.transaction(async ({ sql }) => {
      const held = await lockFreePending(
        sql,
        outcomes.map(({ orderId }) => orderId),
      );
      const free = outcomes.filter(({ orderId }) => !held.includes(orderId));
      return { productIds: await settlePending(sql, free), held };
    });
  }
}

interface Settled {
  readonly productIds: readonly number[];
  readonly held: readonly string[];
}
