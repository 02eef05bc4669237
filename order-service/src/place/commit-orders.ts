import { setTimeout as pause } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import type { Order } from "@shop/contracts/order";
import { Batcher } from "@shop/service-kit/async/batcher";
import { Database } from "@shop/service-kit/database/database";
import {
  isDatabaseTrouble,
  isRowLockTimeout,
  isUniqueViolation,
} from "@shop/service-kit/database/database-errors";
import { UnitOfWork, type BatchTransaction } from "@shop/service-kit/outbox/unit-of-work";
import type { OrderRow } from "../orders/order.entity.ts";
import { OrderLists } from "../orders/order-lists.ts";
import { CONFIG, type OrderServiceConfig } from "../config.ts";
import type { IdempotencyKeyEntity } from "./idempotency-key.entity.ts";
import { claimKeys, findExisting, insertOrders } from "./place.sql.ts";

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

/** The caller's key for one request, and what that request asked for. */
export type IdempotencyClaim = Pick<IdempotencyKeyEntity, "caller" | "key" | "fingerprint">;

export interface NewOrder {
  readonly row: OrderRow;
  /** The row as it is answered and published. */
  readonly order: Order;
  readonly claim: IdempotencyClaim | undefined;
}

/**
 * `key taken`: nothing was written, since the key stands for another order. `key in use`: another transaction has locked the key,
 * or has taken it when we retry; that may be our own first try, whose COMMIT was lost.
 */
export type Commit = "committed" | "key taken" | "key in use";

type Result = PromiseSettledResult<Commit>;
/** By order id. */
type Results = ReadonlyMap<string, Result>;

const COMMITTED: Result = { status: "fulfilled", value: "committed" };
const KEY_TAKEN: Result = { status: "fulfilled", value: "key taken" };
const KEY_IN_USE: Result = { status: "fulfilled", value: "key in use" };

/** Orders that share a transaction. */
interface Group {
  readonly orders: readonly NewOrder[];
  /** After an error a COMMIT may or may not have happened, or still be in flight. */
  readonly mayExist: boolean;
  readonly retriesLeft: number;
  /** By `performance.now()`. */
  readonly retryUntil: number;
}

/**
 * Commits orders; those that arrive together share one transaction: the orders, their keys and their events. Each caller gets an
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
    @Inject(CONFIG) private readonly config: OrderServiceConfig,
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
      run: async ([single]) => [...(await this.commitGroup(single!)).values()],
      maxBatch: 1,
      maxRunning: ALONE_AT_ONCE,
      ...limits,
    });
  }

  commit(order: NewOrder): Promise<Commit> {
    return this.batches.add(order);
  }

  private async commitBatch(orders: readonly NewOrder[]): Promise<readonly Result[]> {
    const retryUntil = performance.now() + RETRY_FOR_MS;
    const group = { orders, mayExist: false, retriesLeft: RETRIES, retryUntil };
    const byId = await this.commitGroup(group);
    const results = orders.map(({ row }) => byId.get(row.id)!);
    const changed = orders.filter((_, index) => mayBeWritten(results[index]!));
    if (changed.length > 0) await this.lists.invalidate(changed.map(({ row }) => row.productId));
    return results;
  }

  private async commitGroup(group: Group): Promise<Results> {
    const results = new Map<string, Result>();
    let { orders } = group;
    try {
      if (group.mayExist) {
        // Only the others are written again, under the same ids: a second row with an id is refused.
        const ids = orders.map(({ row }) => row.id);
        for (const id of await findExisting(this.database.sql, ids)) results.set(id, COMMITTED);
        orders = orders.filter(({ row }) => !results.has(row.id));
      }
      if (orders.length === 0) return results;
      const taken = await this.work.transactBatch((transaction) =>
        writeOrders(transaction, orders, this.config.RECONCILE_AFTER_MS),
      );
      const ifTaken = group.mayExist ? KEY_IN_USE : KEY_TAKEN;
      for (const { row } of orders) results.set(row.id, taken.has(row.id) ? ifTaken : COMMITTED);
      return results;
    } catch (error) {
      const rest = await this.afterFailure({ ...group, orders, mayExist: true }, error);
      return new Map([...results, ...rest]);
    }
  }

  /** The kind of failure decides which orders are tried again, and which of them alone. */
  private async afterFailure(group: Group, error: unknown): Promise<Results> {
    const { orders, retriesLeft } = group;
    const sameForAll = (result: Result): Results =>
      new Map(orders.map(({ row }) => [row.id, result]));
    const failed = sameForAll({ status: "rejected", reason: error });
    const retry = { ...group, retriesLeft: retriesLeft - 1 };

    if (error instanceof LockedKey) {
      // Orders without a key have nothing to do with it.
      return orders.length === 1 ? sameForAll(KEY_IN_USE) : this.divide(group, hasKey);
    }
    if (isDatabaseTrouble(error)) {
      if (retriesLeft === 0 || performance.now() > group.retryUntil) return failed;
      await pause(RETRY_PAUSE_MS);
      return this.commitGroup(retry);
    }
    if (orders.length > 1) return this.divide(group, () => true);
    // A COMMIT that was in flight at our lookup has happened since: it may be this very order.
    return isUniqueViolation(error) && retriesLeft > 0 ? this.commitGroup(retry) : failed;
  }

  private async divide(group: Group, goesAlone: (order: NewOrder) => boolean): Promise<Results> {
    const alone = group.orders.filter(goesAlone);
    const together = group.orders.filter((order) => !goesAlone(order));
    const [rest, ...results] = await Promise.all([
      together.length > 0 ? this.commitGroup({ ...group, orders: together }) : [],
      ...alone.map((order) => settledResult(this.singles.add({ ...group, orders: [order] }))),
    ]);
    return new Map([...rest, ...alone.map(({ row }, index) => [row.id, results[index]!] as const)]);
  }
}

const hasKey = ({ claim }: NewOrder): boolean => claim !== undefined;

const settledResult = async (commit: Promise<Commit>): Promise<Result> =>
  (await Promise.allSettled([commit]))[0];

const NO_IDS: ReadonlySet<string> = new Set();

/** Writes the orders whose keys are free, and their events; answers with the ids of the others. */
async function writeOrders(
  { sql, alongside, emit }: BatchTransaction,
  orders: readonly NewOrder[],
  republishAfterMs: number,
): Promise<ReadonlySet<string>> {
  const keys = orders.flatMap(({ row, claim }) => (claim ? [{ ...claim, orderId: row.id }] : []));
  const taken = keys.length > 0 ? await claimKeys(sql, keys).catch(explainLockedKey) : NO_IDS;
  const accepted = taken.size > 0 ? orders.filter(({ row }) => !taken.has(row.id)) : orders;
  const rows = accepted.map(({ row }) => row);
  if (rows.length > 0) alongside(insertOrders(sql, rows, republishAfterMs));
  for (const { row, order } of accepted)
    emit("order.created", { subject: row.id, requestId: row.requestId, data: order });
  return taken;
}

/** Another transaction has locked one of the keys for longer than the lock timeout. */
class LockedKey extends Error {
  override readonly name = "LockedKey";
}

/** Only for a key: a locked table is database trouble, for orders with any key. */
function explainLockedKey(error: unknown): never {
  if (!isRowLockTimeout(error)) throw error;
  throw new LockedKey("another transaction has locked a key", { cause: error });
}

/** What failed may have been committed all the same. */
const mayBeWritten = (result: Result): boolean =>
  result.status === "rejected" || result.value !== "key taken";

const refuse = (): ContractError =>
  new ContractError("UNAVAILABLE", "Too many orders are waiting; try again");
