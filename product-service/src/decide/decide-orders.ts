import { Injectable } from "@nestjs/common";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { ConsumeBatches } from "@shop/service-kit/messaging/consumers";
import type { EventOf } from "@shop/contracts/event";
import { isUniqueViolation } from "@shop/service-kit/database/database-errors";
import { SkipLocked } from "@shop/service-kit/database/skip-locked";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { UnitOfWork, type BatchTransaction } from "@shop/service-kit/outbox/unit-of-work";
import { ProductCache, toText } from "../products/product-cache.ts";
import { toProduct, type ProductEntity } from "../products/product.entity.ts";
import { decideOrders, soldPieces } from "./decisions.ts";
import type { StockMovementEntity } from "./stock.entity.ts";
import {
  findExisting,
  findMovements,
  insertMovements,
  lockStock,
  takeFromStock,
} from "./stock.sql.ts";

type OrderCreated = EventOf<"order.created">;

/**
 * Consumes `order.created` in batches and decides each order once, in one transaction with its stock and its `order.updated`. For an
 * order that was decided before it publishes the stored outcome again.
 */
@Injectable()
export class DecideOrders {
  private readonly decided: Counter<"status">;
  private readonly repeated: Counter;
  private readonly skipLocked = new SkipLocked();

  constructor(
    private readonly work: UnitOfWork,
    private readonly cache: ProductCache,
    metrics: Metrics,
  ) {
    this.decided = metrics.counter("orders_decided_total", "Orders decided here, once each", [
      "status",
    ]);
    this.repeated = metrics.counter(
      "orders_decided_before_total",
      "Orders that came again after they were decided",
    );
  }

  /** Answers with the events to defer, because another transaction has locked their product for long. */
  @ConsumeBatches(ORDER_CREATED_QUEUE, ["order.created"])
  async handle(events: readonly OrderCreated[]): Promise<readonly OrderCreated[]> {
    const orders = new Map(events.map((event) => [event.data.id, event]));
    const { decidedBefore, decidedNow, changed, locked } = await this.skipLocked.run((skip) =>
      this.work
        .transactBatch((transaction) => decide(transaction, orders, skip))
        .catch(explainDecidedElsewhere),
    );

    // Before the ack, so that whoever sees the order's outcome also sees the product's stock.
    const products = (await changed).map(toProduct);
    if (products.length > 0) await this.cache.store(products.map(toText));
    for (const { status } of decidedNow) this.decided.inc({ status });
    this.repeated.inc(decidedBefore.length);
    return events.filter(({ data }) => locked.includes(data.productId));
  }
}

interface Decided {
  readonly decidedBefore: readonly StockMovementEntity[];
  readonly decidedNow: readonly StockMovementEntity[];
  /** Answered with the commit. */
  readonly changed: Promise<readonly ProductEntity[]>;
  /** Products whose orders were skipped. */
  readonly locked: readonly number[];
}

/** Two round trips: read under locks, then write everything with the commit. */
async function decide(
  { sql, alongside, emit }: BatchTransaction,
  events: ReadonlyMap<string, OrderCreated>,
  skipLocked: boolean,
): Promise<Decided> {
  const orders = [...events.values()].map(({ data }) => data);
  const productIds = [...new Set(orders.map(({ productId }) => productId))];
  // Run in this order: the movements are read under the locks, so no other instance decides these orders meanwhile.
  const [stock, decidedBefore, existing] = await Promise.all([
    lockStock(sql, productIds, skipLocked),
    findMovements(sql, [...events.keys()]),
    skipLocked ? findExisting(sql, productIds) : [],
  ]);

  const locked = existing.filter((id) => !stock.has(id));
  const known = new Set(decidedBefore.map(({ orderId }) => orderId));
  const undecided = orders
    .filter(({ id, productId }) => !known.has(id) && !locked.includes(productId))
    .map(({ id, productId, qty }) => ({ orderId: id, productId, qty }));
  const decidedAt = new Date();
  const decidedNow = decideOrders(undecided, { stock, decidedAt });

  if (decidedNow.length > 0) alongside(insertMovements(sql, decidedNow, decidedAt));
  const sold = soldPieces(decidedNow);
  const changed = sold.size > 0 ? takeFromStock(sql, sold) : Promise.resolve([]);
  alongside(changed);
  for (const movement of decidedBefore.concat(decidedNow)) {
    const { orderId, productId, status, reason } = movement;
    emit("order.updated", {
      subject: orderId,
      requestId: events.get(orderId)?.requestId,
      data: { orderId, productId, status, reason, decidedAt: movement.decidedAt.toISOString() },
    });
  }
  return { decidedBefore, decidedNow, changed, locked };
}

/**
 * Another instance decided one of these orders between our read and our insert: its product does not exist, so no lock was shared.
 * Nothing was written, and the whole batch is tried again; that is what the SQLSTATE "serialization failure" asks for.
 */
class DecidedElsewhere extends Error {
  override readonly name = "DecidedElsewhere";
  readonly code = "40001";
}

function explainDecidedElsewhere(error: unknown): never {
  if (!isUniqueViolation(error)) throw error;
  throw new DecidedElsewhere("another instance decided one of these orders meanwhile", {
    cause: error,
  });
}
