import { Inject, Injectable } from "@nestjs/common";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { UnitOfWork } from "@shop/service-kit/outbox/unit-of-work";
import { takeOverduePending, toOrder } from "../orders/order.sql.ts";
import { ORDER_SETTINGS, type OrderSettings } from "../settings.ts";

const MOST_AT_ONCE = 500;

/** The sweeper: orders that stay pending too long are told again, so that a lost or purged message heals. */
@Injectable()
export class TellAgain {
  private readonly toldAgain: Counter;

  constructor(
    private readonly work: UnitOfWork,
    @Inject(ORDER_SETTINGS) private readonly settings: OrderSettings,
    metrics: Metrics,
  ) {
    this.toldAgain = metrics.counter(
      "orders_swept_total",
      "Orders told again, pending for too long",
    );
  }

  async sweep(): Promise<number> {
    const count = await this.work.transact(async ({ sql, emit }) => {
      const firstWaitMs = this.settings.sweepAfterMs;
      const rows = await takeOverduePending(sql, { firstWaitMs, most: MOST_AT_ONCE });
      for (const row of rows) {
        emit("order.created", { subject: row.id, requestId: row.request_id, data: toOrder(row) });
      }
      return rows.length;
    });
    this.toldAgain.inc(count);
    return count;
  }
}
