import type { StockMovementEntity } from "./stock.entity.ts";

export type OrderToDecide = Pick<StockMovementEntity, "orderId" | "productId" | "qty">;

/** First come, first served: an order that does not fit is rejected, and a later smaller one may still fit. */
export function decideOrders(
  orders: readonly OrderToDecide[],
  { stock, decidedAt }: { stock: ReadonlyMap<number, number>; decidedAt: Date },
): StockMovementEntity[] {
  const left = new Map(stock);
  return orders.map((order) => {
    const available = left.get(order.productId);
    if (available === undefined)
      return { ...order, status: "rejected", reason: "PRODUCT_NOT_FOUND", decidedAt };
    if (available < order.qty)
      return { ...order, status: "rejected", reason: "OUT_OF_STOCK", decidedAt };
    left.set(order.productId, available - order.qty);
    return { ...order, status: "done", reason: null, decidedAt };
  });
}

/** Pieces by product; a product that sold none is not in it. */
export function soldPieces(movements: readonly StockMovementEntity[]): Map<number, number> {
  const sold = new Map<number, number>();
  for (const { productId, qty, status } of movements) {
    if (status === "done") sold.set(productId, (sold.get(productId) ?? 0) + qty);
  }
  return sold;
}
