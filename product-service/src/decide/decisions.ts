import type { RejectionReason } from "@shop/contracts/order";

export interface OrderToDecide {
  readonly orderId: string;
  readonly productId: number;
  readonly qty: number;
}

export interface Decision extends OrderToDecide {
  readonly status: "done" | "rejected";
  readonly reason: RejectionReason | null;
}

/** First come, first served: an order that does not fit is rejected, and a later smaller one may still fit. */
export function decideOrders(
  orders: readonly OrderToDecide[],
  stock: ReadonlyMap<number, number>,
): Decision[] {
  const left = new Map(stock);
  return orders.map((order) => {
    const available = left.get(order.productId);
    if (available === undefined)
      return { ...order, status: "rejected", reason: "PRODUCT_NOT_FOUND" };
    if (available < order.qty) return { ...order, status: "rejected", reason: "OUT_OF_STOCK" };
    left.set(order.productId, available - order.qty);
    return { ...order, status: "done", reason: null };
  });
}
