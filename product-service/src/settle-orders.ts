import { Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import type { Product } from "@shop/contracts/product";
import { Metrics, type Counter } from "@shop/service-kit/operations/metrics";
import { UnitOfWork, type Transaction } from "@shop/service-kit/outbox/unit-of-work";
import { decideOrders, type Decision } from "./decide-orders.ts";
import { ProductCache, toText } from "./product-cache.ts";
import {
  findMovements,
  insertMovements,
  lockStock,
  takeFromStock,
  type Movement,
} from "./stock.sql.ts";

type OrderCreated = EventOf<"order.created">;

/**
 * `order.created` in batches: decides each order once, in one transaction with its stock and its `order.updated`, and tells
 * the stored outcome of those that were decided before.
 */
@Injectable()
export class SettleOrders {
  private readonly decided: Counter<"status">;
  private readonly toldAgain: Counter;

  constructor(
    private readonly work: UnitOfWork,
    private readonly cache: ProductCache,
    metrics: Metrics,
  ) {
    this.decided = metrics.counter("orders_decided_total", "Orders decided here, once each", [
      "status",
    ]);
    this.toldAgain = metrics.counter(
      "orders_told_again_total",
      "Orders that came again after their decision",
    );
  }

  async handle(events: readonly OrderCreated[]): Promise<void> {
    const orders = new Map(events.map((event) => [event.data.id, event]));
    const { changed, decided } = await this.work.transact((transaction) =>
      settle(transaction, orders),
    );
    for (const { status } of decided) this.decided.inc({ status });
    this.toldAgain.inc(orders.size - decided.length);
    // Before the ack, so that a settled order and its product's stock are seen together.
    if (changed.length > 0) await this.cache.store(changed.map(toText));
  }
}

interface Settled {
  readonly changed: readonly Product[];
  readonly decided: readonly Movement[];
}

async function settle(
  { manager, emit }: Transaction,
  orders: ReadonlyMap<string, OrderCreated>,
): Promise<Settled> {
  const wanted = [...orders.values()].map(({ data }) => data);
  const stock = await lockStock(manager, [...new Set(wanted.map(({ productId }) => productId))]);
  const before = await findMovements(manager, [...orders.keys()]);

  const known = new Set(before.map(({ orderId }) => orderId));
  const open = wanted.filter(({ id }) => !known.has(id));
  const decisions = decideOrders(
    open.map(({ id, productId, qty }) => ({ orderId: id, productId, qty })),
    stock,
  );
  const decided = decisions.length > 0 ? await insertMovements(manager, decisions) : [];
  if (decided.length < decisions.length) throw new DecidedElsewhere();

  const sold = soldByProduct(decisions);
  const changed = sold.size > 0 ? await takeFromStock(manager, sold) : [];
  for (const movement of [...before, ...decided]) {
    const { orderId, productId, status, reason, decidedAt } = movement;
    emit("order.updated", {
      subject: orderId,
      requestId: orders.get(orderId)?.requestId,
      data: { orderId, productId, status, reason, decidedAt: decidedAt.toISOString() },
    });
  }
  return { changed, decided };
}

function soldByProduct(decisions: readonly Decision[]): Map<number, number> {
  const sold = new Map<number, number>();
  for (const { productId, qty, status } of decisions) {
    if (status === "done") sold.set(productId, (sold.get(productId) ?? 0) + qty);
  }
  return sold;
}

/**
 * Another instance decided one of these orders between our look and our insert. The rest was decided as if that one took
 * stock here, so all of it is decided anew, with that one known. PostgreSQL's code for "try again" says so to the consumer.
 */
class DecidedElsewhere extends Error {
  override readonly name = "DecidedElsewhere";
  readonly code = "40001";

  constructor() {
    super("an order was decided by another instance meanwhile");
  }
}
