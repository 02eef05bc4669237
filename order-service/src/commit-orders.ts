import { setTimeout as rest } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { Batcher } from "@shop/service-kit/batcher";
import { Database } from "@shop/service-kit/database/database";
import { isDatabaseTrouble } from "@shop/service-kit/database/database-errors";
import { UnitOfWork, type Transaction } from "@shop/service-kit/outbox/unit-of-work";
import { claimKeys, type Claimed } from "./idempotency.sql.ts";
import type { NewOrder } from "./new-order.ts";
import { OrderLists } from "./order-lists.ts";
import { findExisting, insertOrders } from "./order.sql.ts";
import { ORDER_SETTINGS, type OrderSettings } from "./settings.ts";

const MAX_BATCH = 200;
const BATCHES_AT_ONCE = 2;
const MAX_WAITING = 5_000;
const MAX_WAIT_MS = 2_000;
const RETRIES = 2;
/** A batch that has taken so long is not tried again: its callers wait, and those behind it as well. */
const TRY_AGAIN_FOR_MS = 2_000;
const RETRY_REST_MS = 50;

/** `key taken`: nothing was written, since the key stands for another order. */
export type Commit = "committed" | "key taken";

/** What a batch ran into, and how long it may go on in spite of it. */
interface Trouble {
  readonly error: unknown;
  readonly triesLeft: number;
  /** By `performance.now()`. */
  readonly until: number;
}

/**
 * Commits orders, those that arrive together in one transaction: the orders, their keys and their events. Each caller gets an
 * answer of its own, and none fails because of a neighbour.
 */
@Injectable()
export class CommitOrders {
  private readonly batches: Batcher<NewOrder, Commit>;

  constructor(
    private readonly database: Database,
    private readonly work: UnitOfWork,
    private readonly lists: OrderLists,
    @Inject(ORDER_SETTINGS) private readonly settings: OrderSettings,
  ) {
    this.batches = new Batcher({
      run: (orders) => this.commit(orders),
      maxBatch: MAX_BATCH,
      maxRunning: BATCHES_AT_ONCE,
      maxWaiting: MAX_WAITING,
      maxWaitMs: MAX_WAIT_MS,
      refuse: () => new ContractError("UNAVAILABLE", "Too many orders are waiting; try again"),
    });
  }

  one(order: NewOrder): Promise<Commit> {
    return this.batches.add(order);
  }

  private async commit(orders: readonly NewOrder[]): Promise<PromiseSettledResult<Commit>[]> {
    const until = performance.now() + TRY_AGAIN_FOR_MS;
    const results = await this.together(orders).catch((error: unknown) =>
      this.afterError(orders, { error, triesLeft: RETRIES, until }),
    );
    await this.lists.forget(orders.map(({ order }) => order.productId));
    return results;
  }

  private async together(orders: readonly NewOrder[]): Promise<PromiseSettledResult<Commit>[]> {
    const { sweepAfterMs } = this.settings;
    const written = await this.work.transact((transaction) =>
      writeOrders(transaction, orders, sweepAfterMs),
    );
    return orders.map(({ order }) => fulfilled(written.has(order.id) ? "committed" : "key taken"));
  }

  /** The database in the way: all are tried again. Anything else: one is at fault, so each is tried alone. */
  private async afterError(
    orders: readonly NewOrder[],
    trouble: Trouble,
  ): Promise<PromiseSettledResult<Commit>[]> {
    if (isDatabaseTrouble(trouble.error)) return this.resume(orders, trouble);
    if (orders.length === 1) throw trouble.error;
    const results: PromiseSettledResult<Commit>[] = [];
    for (const order of orders) {
      const [result] = await Promise.allSettled([this.together([order])]);
      results.push(result.status === "fulfilled" ? result.value[0]! : result);
    }
    return results;
  }

  /**
   * After a lost connection each COMMIT may or may not have happened, or still be under way. So the orders are looked up, and
   * those that are not there are tried again under the same ids: an order that gets there twice is refused the second time.
   */
  private async resume(
    orders: readonly NewOrder[],
    trouble: Trouble,
  ): Promise<PromiseSettledResult<Commit>[]> {
    if (trouble.triesLeft === 0 || performance.now() > trouble.until) throw trouble.error;
    await rest(RETRY_REST_MS);
    try {
      const ids = orders.map(({ order }) => order.id);
      const existing = await findExisting(this.database.sql, ids);
      const missing = orders.filter(({ order }) => !existing.has(order.id));
      const retried = missing.length > 0 ? (await this.together(missing)).values() : [].values();
      return ids.map((id) => (existing.has(id) ? fulfilled("committed") : retried.next().value!));
    } catch (error) {
      return this.resume(orders, { ...trouble, error, triesLeft: trouble.triesLeft - 1 });
    }
  }
}

const fulfilled = (value: Commit): PromiseFulfilledResult<Commit> => ({
  status: "fulfilled",
  value,
});

/** Gives back the ids of the orders that were written: all but those whose key stands for another order. */
async function writeOrders(
  { sql, alongside, emit }: Transaction,
  orders: readonly NewOrder[],
  tellAgainMs: number,
): Promise<Set<string>> {
  const claimed = orders.filter((order): order is Claimed => order.claim !== undefined);
  const holders = claimed.length > 0 ? await claimKeys(sql, claimed) : new Set<string>();
  const accepted = orders.filter(
    ({ claim, order }) => claim === undefined || holders.has(order.id),
  );
  if (accepted.length > 0) alongside(insertOrders(sql, accepted, tellAgainMs));
  for (const { order, requestId } of accepted) {
    emit("order.created", { subject: order.id, requestId, data: order });
  }
  return new Set(accepted.map(({ order }) => order.id));
}
