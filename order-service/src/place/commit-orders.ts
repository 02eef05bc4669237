import { setTimeout as pause } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { Batcher } from "@shop/service-kit/async/batcher";
import { Database } from "@shop/service-kit/database/database";
import {
  isDatabaseTrouble,
  isHeldRow,
  isUniqueViolation,
} from "@shop/service-kit/database/database-errors";
import { UnitOfWork, type Transaction } from "@shop/service-kit/outbox/unit-of-work";
import { claimKeys, type Claimed } from "./idempotency.sql.ts";
import type { NewOrder } from "./new-order.ts";
import { OrderLists } from "../orders/order-lists.ts";
import { findExisting, insertOrders } from "../orders/order.sql.ts";
import { ORDER_SETTINGS, type OrderSettings } from "../settings.ts";

const MAX_BATCH = 200;
const BATCHES_AT_ONCE = 2;
/** A transaction costs about the same for a few orders as for many: fewer than 16 wait for one in flight, 20 ms at most. */
const ANOTHER = { from: 16, afterMs: 20 };
const MAX_WAITING = 5_000;
const MAX_WAIT_MS = 2_000;
/** Of all divided batches together: the other connections are for reads. */
const ALONE_AT_ONCE = 4;
const RETRIES = 2;
/** A batch that has taken so long is not retried: its callers wait, and those behind it as well. */
const RETRY_FOR_MS = 2_000;
const RETRY_PAUSE_MS = 50;

/**
 * `key taken`: nothing was written, since the key stands for another order. `key in use`: another transaction has locked the key,
 * or has taken it when we retry; that may be our own first try, whose COMMIT was lost.
 */
export type Commit = "committed" | "key taken" | "key in use";

type Result = PromiseSettledResult<Commit>;
/** By order id. */
type Results = Map<string, Result>;
type Orders = readonly NewOrder[];

const COMMITTED: Result = { status: "fulfilled", value: "committed" };
const KEY_TAKEN: Result = { status: "fulfilled", value: "key taken" };
const KEY_IN_USE: Result = { status: "fulfilled", value: "key in use" };

/** Orders that share their next try. */
interface Group {
  readonly orders: Orders;
  /** After an error a COMMIT may or may not have happened, or still be in flight. */
  readonly mayExist: boolean;
  readonly retriesLeft: number;
  /** By `performance.now()`. */
  readonly retryUntil: number;
}

/** What comes after a failure: retries, together or each alone, or one result for all. */
interface Next {
  readonly together: Orders;
  readonly alone: Orders;
  readonly pauseMs: number;
  readonly result?: Result;
}

/**
 * Commits orders, those that arrive together in one transaction: the orders, their keys and their events. Each caller gets an
 * answer of its own, and none fails because of a neighbour.
 */
@Injectable()
export class CommitOrders {
  private readonly batches: Batcher<NewOrder, Commit>;
  private readonly singles: Batcher<Group, Commit>;

  constructor(
    private readonly database: Database,
    private readonly work: UnitOfWork,
    private readonly lists: OrderLists,
    @Inject(ORDER_SETTINGS) private readonly settings: OrderSettings,
  ) {
    const limits = { maxWaiting: MAX_WAITING, maxWaitMs: MAX_WAIT_MS, refuse };
    this.batches = new Batcher({
      run: (orders) => this.commitBatch(orders),
      maxBatch: MAX_BATCH,
      maxRunning: BATCHES_AT_ONCE,
      another: ANOTHER,
      ...limits,
    });
    this.singles = new Batcher({
      run: ([single]) => this.commitGroup(single!),
      maxBatch: 1,
      maxRunning: ALONE_AT_ONCE,
      ...limits,
    });
  }

  commit(order: NewOrder): Promise<Commit> {
    return this.batches.add(order);
  }

  private async commitBatch(orders: Orders): Promise<readonly Result[]> {
    const retryUntil = performance.now() + RETRY_FOR_MS;
    const group = { orders, mayExist: false, retriesLeft: RETRIES, retryUntil };
    const results = await this.commitGroup(group);
    const changed = orders.filter((_, index) => mayBeWritten(results[index]!));
    if (changed.length > 0)
      await this.lists.invalidate(changed.map(({ order }) => order.productId));
    return results;
  }

  /** Tries a group until each order has its result. After a failure its orders are retried together, or each alone. */
  private async commitGroup(group: Group): Promise<readonly Result[]> {
    const results: Results = new Map();
    const alone: Promise<void>[] = [];
    let { orders, mayExist, retriesLeft } = group;
    while (orders.length > 0) {
      try {
        if (mayExist) orders = await this.missing(orders, results);
        if (orders.length > 0) await this.write(orders, mayExist ? KEY_IN_USE : KEY_TAKEN, results);
        break;
      } catch (error) {
        const failed: Group = { ...group, orders, mayExist: true, retriesLeft };
        const next = afterFailure(failed, error);
        if (next.result) for (const { order } of orders) results.set(order.id, next.result);
        for (const order of next.alone) alone.push(this.commitAlone(order, failed, results));
        if (next.pauseMs > 0) await pause(next.pauseMs);
        orders = next.together;
        mayExist = true;
        retriesLeft -= 1;
      }
    }
    if (alone.length > 0) await Promise.all(alone);
    return group.orders.map(({ order }) => results.get(order.id)!);
  }

  private async commitAlone(order: NewOrder, failed: Group, results: Results): Promise<void> {
    const single = { ...failed, orders: [order] };
    const [result] = await Promise.allSettled([this.singles.add(single)]);
    results.set(order.order.id, result);
  }

  /** Only these are written again, under the same ids: a second row with an id is refused. */
  private async missing(orders: Orders, results: Results): Promise<Orders> {
    const ids = orders.map(({ order }) => order.id);
    const existing = await findExisting(this.database.sql, ids);
    for (const id of existing) results.set(id, COMMITTED);
    return orders.filter(({ order }) => !existing.has(order.id));
  }

  private async write(orders: Orders, ifTaken: Result, results: Results): Promise<void> {
    const { sweepAfterMs } = this.settings;
    const taken = await this.work.transact((transaction) =>
      writeOrders(transaction, orders, sweepAfterMs),
    );
    for (const { order } of orders)
      results.set(order.id, taken.has(order.id) ? ifTaken : COMMITTED);
  }
}

/** The kind of failure decides, so that no order fails because of a neighbour. */
function afterFailure({ orders, retriesLeft, retryUntil }: Group, error: unknown): Next {
  const failed = ended({ status: "rejected", reason: error });
  const mayRetry = retriesLeft > 0;
  if (error instanceof LockedKey) {
    if (orders.length === 1) return ended(KEY_IN_USE);
    // Orders without a key have nothing to do with it.
    return {
      together: orders.filter(({ claim }) => claim === undefined),
      alone: orders.filter(({ claim }) => claim !== undefined),
      pauseMs: 0,
    };
  }
  if (isDatabaseTrouble(error)) {
    if (!mayRetry || performance.now() > retryUntil) return failed;
    return { together: orders, alone: [], pauseMs: RETRY_PAUSE_MS };
  }
  if (orders.length > 1) return { together: [], alone: orders, pauseMs: 0 };
  // A COMMIT that was in flight at our lookup has happened since: it may be this very order.
  if (isUniqueViolation(error) && mayRetry) return { together: orders, alone: [], pauseMs: 0 };
  return failed;
}

const ended = (result: Result): Next => ({ together: [], alone: [], pauseMs: 0, result });

const NO_IDS: ReadonlySet<string> = new Set();

/** Writes the orders whose keys are free, and their events; gives back the ids of the others. */
async function writeOrders(
  { sql, alongside, emit }: Transaction,
  orders: Orders,
  republishAfterMs: number,
): Promise<ReadonlySet<string>> {
  const claimed = orders.filter((order): order is Claimed => order.claim !== undefined);
  const taken = claimed.length > 0 ? await claimKeys(sql, claimed).catch(asLockedKey) : NO_IDS;
  const accepted = taken.size > 0 ? orders.filter(({ order }) => !taken.has(order.id)) : orders;
  if (accepted.length > 0) alongside(insertOrders(sql, accepted, republishAfterMs));
  for (const { order, requestId } of accepted) {
    emit("order.created", { subject: order.id, requestId, data: order });
  }
  return taken;
}

/** Another transaction has locked one of the keys for longer than the lock timeout. */
class LockedKey extends Error {
  override readonly name = "LockedKey";

  constructor(cause: unknown) {
    super("another transaction has locked a key", { cause });
  }
}

/** Only for a key: a locked table is database trouble, for orders with any key. */
function asLockedKey(error: unknown): never {
  throw isHeldRow(error) ? new LockedKey(error) : error;
}

/** What failed may have been committed all the same. */
const mayBeWritten = (result: Result): boolean =>
  result.status === "rejected" || result.value !== "key taken";

const refuse = (): ContractError =>
  new ContractError("UNAVAILABLE", "Too many orders are waiting; try again");
