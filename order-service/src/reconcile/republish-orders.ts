import { Inject, Injectable } from "@nestjs/common";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { ServiceGauges } from "@shop/service-kit/observe/service-gauges";
import { UnitOfWork } from "@shop/service-kit/outbox/unit-of-work";
import { toOrder } from "../orders/order.entity.ts";
import { CONFIG, type OrderServiceConfig } from "../config.ts";
import { countPendingFor, takeOverduePending } from "./pending.sql.ts";

const MOST_AT_ONCE = 500;
const PENDING_COUNTED_TO = 10_000;

/** Orders that stay pending too long are republished, so that a lost or purged message heals. */
@Injectable()
export class RepublishOrders {
  private readonly republished: Counter;

  constructor(
    private readonly work: UnitOfWork,
    @Inject(CONFIG) private readonly config: OrderServiceConfig,
    metrics: Metrics,
    gauges: ServiceGauges,
  ) {
    this.republished = metrics.counter(
      "orders_republished_total",
      "Orders republished, pending for too long",
    );
    gauges.fromDatabase(
      "orders_pending_too_long",
      "Orders that have been pending for longer than the reconciler waits, counted up to 10,000",
      (sql) =>
        countPendingFor(sql, { longerThanMs: config.RECONCILE_AFTER_MS, most: PENDING_COUNTED_TO }),
    );
  }

  async republish(): Promise<number> {
    const count = await this.work.transactBatch(async ({ sql, emit }) => {
      const firstWaitMs = this.config.RECONCILE_AFTER_MS;
      const rows = await takeOverduePending(sql, { firstWaitMs, most: MOST_AT_ONCE });
      for (const row of rows) {
        emit("order.created", { subject: row.id, requestId: row.requestId, data: toOrder(row) });
      }
      return rows.length;
    });
    this.republished.inc(count);
    return count;
  }
}
