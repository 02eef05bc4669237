import { isHeldRow } from "@shop/service-kit/database/database-errors";
import type { Transaction } from "@shop/service-kit/outbox/unit-of-work";
import { claimKeys, type Claimed } from "./idempotency.sql.ts";
import type { NewOrder } from "./new-order.ts";
import { insertOrders } from "./order.sql.ts";
import { KeyHeld } from "./order-errors.ts";

/** Gives back the ids of the orders that were written: all but those whose key stands for another order. */
export async function writeOrders(
  { sql, alongside, emit }: Transaction,
  orders: readonly NewOrder[],
  tellAgainMs: number,
): Promise<Set<string>> {
  const claimed = orders.filter((order): order is Claimed => order.claim !== undefined);
  const holders =
    claimed.length > 0 ? await claimKeys(sql, claimed).catch(asKeyHeld) : new Set<string>();
  const accepted = orders.filter(
    ({ claim, order }) => claim === undefined || holders.has(order.id),
  );
  if (accepted.length > 0) alongside(insertOrders(sql, accepted, tellAgainMs));
  for (const { order, requestId } of accepted) {
    emit("order.created", { subject: order.id, requestId, data: order });
  }
  return new Set(accepted.map(({ order }) => order.id));
}

/** A key, and not the whole table: that one is locked for everybody, and no caller's doing. */
function asKeyHeld(error: unknown): never {
  throw isHeldRow(error) ? new KeyHeld(error) : error;
}
