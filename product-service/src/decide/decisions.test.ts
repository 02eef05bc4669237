import { describe, expect, test } from "vitest";
import { decideOrders } from "./decisions.ts";

const orders = (...wanted: [productId: number, qty: number][]) =>
  wanted.map(([productId, qty], index) => ({ orderId: `order-${index}`, productId, qty }));

const outcomes = (wanted: [number, number][], stock: Record<number, number>): string[] =>
  decideOrders(
    orders(...wanted),
    new Map(Object.entries(stock).map(([id, qty]) => [Number(id), qty])),
  ).map(({ status, reason }) => reason ?? status);

describe("deciding orders against the stock", () => {
  test("when an order takes exactly what is left, then it is done and nothing is left", () => {
    expect(
      outcomes(
        [
          [1, 5],
          [1, 1],
        ],
        { 1: 5 },
      ),
    ).toEqual(["done", "OUT_OF_STOCK"]);
  });

  test("when an order does not fit, then a later smaller one still may", () => {
    expect(
      outcomes(
        [
          [1, 4],
          [1, 3],
          [1, 1],
          [1, 1],
        ],
        { 1: 5 },
      ),
    ).toEqual(["done", "OUT_OF_STOCK", "done", "OUT_OF_STOCK"]);
  });

  test("when there is no such product, then that is the reason, whatever the others have", () => {
    expect(
      outcomes(
        [
          [2, 1],
          [1, 1],
        ],
        { 1: 1 },
      ),
    ).toEqual(["PRODUCT_NOT_FOUND", "done"]);
  });

  test("when a product has no stock, then it is out of stock, and not unknown", () => {
    expect(outcomes([[1, 1]], { 1: 0 })).toEqual(["OUT_OF_STOCK"]);
  });

  test("when it has decided, then the order is told as it was, and the given stock is untouched", () => {
    const stock = new Map([[1, 3]]);
    expect(decideOrders(orders([1, 2]), stock)).toEqual([
      { orderId: "order-0", productId: 1, qty: 2, status: "done", reason: null },
    ]);
    expect(stock.get(1)).toBe(3);
  });
});
