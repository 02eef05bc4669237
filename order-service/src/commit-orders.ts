import { setTimeout as rest } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { Batcher } from "@shop/service-kit/batcher";
import { Database } from "@shop/service-kit/database/database";
import { isDatabaseTrouble, isUniqueViolation } from "@shop/service-kit/database/database-errors";
import { UnitOfWork } from "@shop/service-kit/outbox/unit-of-work";
import type { NewOrder } from "./new-order.ts";
import { OrderLists } from "./order-lists.ts";
import { findExisting } from "./order.sql.ts";
import { idempotencyInProgress, KeyHeld } from "./order-errors.ts";
import { ORDER_SETTINGS, type OrderSettings } from "./settings.ts";
import { writeOrders } from "./write-orders.ts";

const MAX_BATCH = 200;
const BATCHES_AT_ONCE = 2;
/** A transaction costs about the same for a few orders as for many: fewer than 16 wait for one that is at work, 20 ms at most. */
const ANOTHER = { from: 16, afterMs: 20 };
const MAX_WAITING = 5_000;
const MAX_WAIT_MS = 2_000;
/** Of batches that were taken apart, all together: the other connections are for those who read. */
const ALONE_AT_ONCE = 4;
const RETRIES = 2;
/** A batch that has taken so long is not tried again: its callers wait, and those behind it as well. */
const TRY_AGAIN_FOR_MS = 2_000;
const RETRY_REST_MS = 50;

/** `key taken`: nothing was written, since the key stands for another order. */
export type Commit = "committed" | "key taken";

type Results = readonly PromiseSettledResult<Commit>[];

/** What a batch ran into, and how long it may go on in spite of it. */
interface Trouble {
  readonly error: unknown;
  readonly triesLeft: number;
  /** By `performance.now()`. */
  readonly until: number;
}

interface Single {
  readonly order: NewOrder;
  readonly trouble: Trouble;
}

const refuse = (): ContractError =>
  new ContractError("UNAVAILABLE", "Too many orders are waiting; try again");

/**
 * Commits orders, those that arrive together in one transaction: the orders, their keys and their events. Each caller gets an
 * answer of its own, and none fails because of a neighbour.
 */
@Injectable()
export class CommitOrders {
  private readonly batches: Batcher<NewOrder, Commit>;
  private readonly singles: Batcher<Single, Commit>;

  constructor(
    private readonly database: Database,
    private readonly work: UnitOfWork,
    private readonly lists: OrderLists,
    @Inject(ORDER_SETTINGS) private readonly settings: OrderSettings,
  ) {
    const limits = { maxWaiting: MAX_WAITING, maxWaitMs: MAX_WAIT_MS, refuse };
    this.batches = new Batcher({
      run: (orders) => this.commit(orders),
      maxBatch: MAX_BATCH,
      maxRunning: BATCHES_AT_ONCE,
      another: ANOTHER,
      ...limits,
    });
    this.singles = new Batcher({
      run: (singles) => Promise.all(singles.map((single) => this.alone(single))),
      maxBatch: 1,
      maxRunning: ALONE_AT_ONCE,
      ...limits,
    });
  }

  one(order: NewOrder): Promise<Commit> {
    return this.batches.add(order);
  }

  private async commit(orders: readonly NewOrder[]): Promise<Results> {
    const until = performance.now() + TRY_AGAIN_FOR_MS;
    const results = await this.together(orders).catch((error: unknown) =>
      this.afterError(orders, { error, triesLeft: RETRIES, until }),
    );
    const changed = orders.filter((_, index) => mayBeWritten(results[index]!));
    if (changed.length > 0) await this.lists.invalidate(changed.map(({ order }) => order.productId));
    return results;
  }

  private async together(orders: readonly NewOrder[]): Promise<Results> {
    const { sweepAfterMs } = this.settings;
    const written = await this.work.transact((transaction) =>
      writeOrders(transaction, orders, sweepAfterMs),
    );
    return orders.map(({ order }) => fulfilled(written.has(order.id) ? "committed" : "key taken"));
  }

  /** What went wrong decides who is tried again with whom; none fails because of a neighbour. */
  private async afterError(orders: readonly NewOrder[], trouble: Trouble): Promise<Results> {
    const { error } = trouble;
    if (error instanceof KeyHeld)
      return this.apartFromKeys(orders, { ...trouble, error: error.cause });
    if (isDatabaseTrouble(error)) return this.resume(orders, trouble);
    if (orders.length > 1) return this.eachAlone(orders, trouble);
    // A COMMIT that was under way at our look has happened since: it may be this very order.
    if (isUniqueViolation(error) && trouble.triesLeft > 0) return this.again(orders, trouble);
    throw error;
  }

  /** Somebody else holds one of the keys, for longer than one waits: the orders without a key have nothing to do with that. */
  private async apartFromKeys(orders: readonly NewOrder[], trouble: Trouble): Promise<Results> {
    if (orders.length === 1) throw idempotencyInProgress();
    const free = orders.filter(({ claim }) => claim === undefined);
    const [[first], keyed] = await Promise.all([
      Promise.allSettled([this.again(free, trouble)]),
      this.eachAlone(
        orders.filter(({ claim }) => claim),
        trouble,
      ),
    ]);
    const ofFree = first.status === "fulfilled" ? first.value.values() : undefined;
    const ofKeyed = keyed.values();
    return orders.map(({ claim }) =>
      claim ? ofKeyed.next().value! : (ofFree?.next().value ?? (first as PromiseRejectedResult)),
    );
  }

  private eachAlone(orders: readonly NewOrder[], trouble: Trouble): Promise<Results> {
    return Promise.allSettled(orders.map((order) => this.singles.add({ order, trouble })));
  }

  private async alone({ order, trouble }: Single): Promise<PromiseSettledResult<Commit>> {
    const trying = this.unlessThere([order]).catch((error: unknown) =>
      this.afterError([order], { ...trouble, error }),
    );
    const [result] = await Promise.allSettled([trying]);
    return result.status === "fulfilled" ? result.value[0]! : result;
  }

  private async resume(orders: readonly NewOrder[], trouble: Trouble): Promise<Results> {
    if (trouble.triesLeft === 0 || performance.now() > trouble.until) throw trouble.error;
    await rest(RETRY_REST_MS);
    return this.again(orders, trouble);
  }

  private again(orders: readonly NewOrder[], trouble: Trouble): Promise<Results> {
    return this.unlessThere(orders).catch((error: unknown) =>
      this.afterError(orders, { ...trouble, error, triesLeft: trouble.triesLeft - 1 }),
    );
  }

  /**
   * After an error a COMMIT may or may not have happened, or still be under way. So the orders are looked up, and those that are
   * not there are tried again under the same ids: an order that gets there twice is refused the second time.
   */
  private async unlessThere(orders: readonly NewOrder[]): Promise<Results> {
    if (orders.length === 0) return [];
    const ids = orders.map(({ order }) => order.id);
    const existing = await findExisting(this.database.sql, ids);
    const missing = orders.filter(({ order }) => !existing.has(order.id));
    const tried = missing.length > 0 ? (await this.together(missing)).values() : [].values();
    return ids.map((id) => (existing.has(id) ? fulfilled("committed") : tried.next().value!));
  }
}

/** What failed may have been committed all the same. */
const mayBeWritten = (result: PromiseSettledResult<Commit>): boolean =>
  result.status === "rejected" || result.value === "committed";

const fulfilled = (value: Commit): PromiseFulfilledResult<Commit> => ({
  status: "fulfilled",
  value,
});
