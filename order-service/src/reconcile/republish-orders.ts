import { Inject, Injectable } from "@nestjs/common";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { UnitOfWork } from "@shop/service-kit/outbox/unit-of-work";
import { toOrder } from "../orders/order.entity.ts";
import { ORDER_SETTINGS, type OrderSettings } from "../settings.ts";
import { takeOverduePending } from "./pending.sql.ts";

const MOST_AT_ONCE = 500;

/** Publishes orders again that stay pending too long, so that a lost or purged message heals. */
@Injectable()
export class RepublishOrders {
  private readonly republished: Counter;

  constructor(
    private readonly work: UnitOfWork,
    @Inject(ORDER_SETTINGS) private readonly settings: OrderSettings,
    metrics: Metrics,
  ) {
    this.republished = metrics.counter(
      "orders_republished_total",
      "Orders published again, pending for too long",
    );
  }

  async republish(): Promise<number> {
    const count = await this.work.transactBatch(async ({ sql, emit }) => {
      const firstWaitMs = this.settings.sweepAfterMs;
      const rows = await takeOverduePending(sql, { firstWaitMs, most: MOST_AT_ONCE });
      for (const row of rows)
        emit("order.created", { subject: row.id, requestId: row.requestId, data: toOrder(row) });
      return rows.length;
    });
    this.republished.inc(count);
    return count;
  }
}
