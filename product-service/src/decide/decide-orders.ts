import { Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import type { Product } from "@shop/contracts/product";
import { isUniqueViolation } from "@shop/service-kit/database/database-errors";
import { LockPatience } from "@shop/service-kit/database/lock-patience";
import { Metrics, type Counter } from "@shop/service-kit/observe/metrics";
import { UnitOfWork, type Transaction } from "@shop/service-kit/outbox/unit-of-work";
import { decideOrders, type Decision } from "./decisions.ts";
import { ProductCache, toText } from "../products/product-cache.ts";
import {
  findExisting,
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
  private readonly patience = new LockPatience();

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

  /** Gives back the events of products that somebody holds for long. */
  async handle(events: readonly OrderCreated[]): Promise<readonly OrderCreated[]> {
    const orders = new Map(events.map((event) => [event.data.id, event]));
    const { decisions, decidedBefore, changed, held } = await this.patience.run((skipLocked) =>
      this.work
        .transact((transaction) => settle(transaction, orders, skipLocked))
        .catch(asDecidedElsewhere),
    );
    for (const { status } of decisions) this.decided.inc({ status });
    this.toldAgain.inc(decidedBefore);
    // Before the ack, so that a settled order and its product's stock are seen together.
    const products = await changed;
    if (products.length > 0) await this.cache.store(products.map(toText));
    return held.length === 0 ? [] : events.filter(({ data }) => held.includes(data.productId));
  }
}

interface Settled {
  readonly decisions: readonly Decision[];
  readonly decidedBefore: number;
  /** Answered with the commit. */
  readonly changed: Promise<readonly Product[]>;
  /** Products whose orders were left out, since somebody holds them. */
  readonly held: readonly number[];
}

/** Two round trips: look under locks, then write everything with the commit. */
async function settle(
  { sql, alongside, emit }: Transaction,
  orders: ReadonlyMap<string, OrderCreated>,
  skipLocked: boolean,
): Promise<Settled> {
  const wanted = [...orders.values()].map(({ data }) => data);
  const productIds = [...new Set(wanted.map(({ productId }) => productId))];
  const [stock, before, existing] = await Promise.all([
    lockStock(sql, productIds, skipLocked),
    findMovements(sql, [...orders.keys()]),
    skipLocked ? findExisting(sql, productIds) : [],
  ]);

  const held = existing.filter((id) => !stock.has(id));
  const known = new Set(before.map(({ orderId }) => orderId));
  const open = wanted
    .filter(({ id, productId }) => !known.has(id) && !held.includes(productId))
    .map(({ id, productId, qty }) => ({ orderId: id, productId, qty }));
  const decisions = decideOrders(open, stock);
  const decidedAt = new Date();
  const sold = soldByProduct(decisions);
  const changed = sold.size > 0 ? takeFromStock(sql, sold) : Promise.resolve([]);
  alongside(changed);
  if (decisions.length > 0) alongside(insertMovements(sql, decisions, decidedAt));

  for (const movement of [...before, ...decisions.map((made) => ({ ...made, decidedAt }))]) {
    emit("order.updated", {
      subject: movement.orderId,
      requestId: orders.get(movement.orderId)?.requestId,
      data: toOutcome(movement),
    });
  }
  return { decisions, decidedBefore: before.length, changed, held };
}

const toOutcome = ({ orderId, productId, status, reason, decidedAt }: Movement) => ({
  orderId,
  productId,
  status,
  reason,
  decidedAt: decidedAt.toISOString(),
});

function soldByProduct(decisions: readonly Decision[]): Map<number, number> {
  const sold = new Map<number, number>();
  for (const { productId, qty, status } of decisions) {
    if (status === "done") sold.set(productId, (sold.get(productId) ?? 0) + qty);
  }
  return sold;
}

/**
 * Another instance decided one of these orders between our look and our insert (its product is unknown to both, so no lock was
 * shared). Nothing was written: all of it is decided anew, with that one known, which is what "serialization failure" asks for.
 */
class DecidedElsewhere extends Error {
  override readonly name = "DecidedElsewhere";
  readonly code = "40001";
}

function asDecidedElsewhere(error: unknown): never {
  if (isUniqueViolation(error)) {
    throw new DecidedElsewhere("an order was decided by another instance meanwhile", {
      cause: error,
    });
  }
  throw error;
}
