import { ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { ConsumeBatches } from "@shop/service-kit/messaging/consumers";
import { Inject, Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import { Database } from "@shop/service-kit/database/database";
import { SkipLocked } from "@shop/service-kit/database/skip-locked";
import { LOGGER, type Logger } from "@shop/service-kit/log/logger";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { OrderLists } from "../orders/order-lists.ts";
import { applyToPending, findMismatched, lockFreePending, type Outcome } from "./outcomes.sql.ts";

type OrderUpdated = EventOf<"order.updated">;

interface Applied {
  /** Of the orders that have their outcome now. */
  readonly productIds: readonly number[];
  /** Orders that were skipped. */
  readonly locked: readonly string[];
}

/** Consumes `order.updated` in batches: a pending order gets its outcome, once; any other order stays as it is. */
@Injectable()
export class ApplyOutcomes {
  private readonly settled: Counter;
  private readonly repeated: Counter;
  private readonly mismatched: Counter;
  private readonly skipLocked = new SkipLocked();

  constructor(
    private readonly database: Database,
    private readonly lists: OrderLists,
    metrics: Metrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.settled = metrics.counter("orders_settled_total", "Orders that got their outcome");
    this.repeated = metrics.counter(
      "order_outcomes_repeated_total",
      "Outcomes that changed nothing",
    );
    this.mismatched = metrics.counter(
      "order_outcomes_mismatched_total",
      "Outcomes that named another product than their order has, and changed nothing",
    );
  }

  /** Answers with the events to defer, because another transaction has locked their order for long. */
  @ConsumeBatches(ORDER_UPDATED_QUEUE, ["order.updated"])
  async handle(events: readonly OrderUpdated[]): Promise<readonly OrderUpdated[]> {
    const outcomes = firstOutcomes(events);
    const { productIds, locked } = await this.skipLocked.run((skip) =>
      skip ? this.applyToFree(outcomes) : this.applyToAll(outcomes),
    );

    // After the commit and before the ack.
    if (productIds.length > 0) await this.lists.invalidate(productIds);
    const deferred = events.filter(({ data }) => locked.includes(data.orderId));
    this.settled.inc(productIds.length);
    this.repeated.inc(events.length - deferred.length - productIds.length);

    const applied = outcomes.filter(({ orderId }) => !locked.includes(orderId));
    if (productIds.length < applied.length) await this.reportMismatches(applied);
    return deferred;
  }

  private async applyToAll(outcomes: readonly Outcome[]): Promise<Applied> {
    return { productIds: await applyToPending(this.database.sql, outcomes), locked: [] };
  }

  private applyToFree(outcomes: readonly Outcome[]): Promise<Applied> {
    return this.database.batchTransaction(async ({ sql }) => {
      const orderIds = outcomes.map(({ orderId }) => orderId);
      const locked = await lockFreePending(sql, orderIds);
      const free = outcomes.filter(({ orderId }) => !locked.includes(orderId));
      return { productIds: await applyToPending(sql, free), locked };
    });
  }

  /** Acknowledged all the same: an order's product never changes, so a replay would change nothing either. */
  private async reportMismatches(outcomes: readonly Outcome[]): Promise<void> {
    const orderIds = await findMismatched(this.database.sql, outcomes);
    if (orderIds.length === 0) return;
    this.mismatched.inc(orderIds.length);
    this.log.error(
      { outcomes: orderIds.length, orderId: orderIds[0] },
      "outcomes named another product than their order has, and changed nothing",
    );
  }
}

/**
 * Of several outcomes of one order the first counts, as it does when they come one by one. One with another product is not the
 * order's outcome, and does not take its place.
 */
function firstOutcomes(events: readonly OrderUpdated[]): readonly Outcome[] {
  const outcomes = new Map<string, Outcome>();
  for (const { data } of events) {
    const id = `${data.orderId} ${data.productId}`;
    if (!outcomes.has(id)) outcomes.set(id, data);
  }
  return [...outcomes.values()];
}
