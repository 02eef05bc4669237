import { describe, expect, test } from "vitest";
import { decideOrders, soldPieces } from "./decisions.ts";

type Wanted = [productId: number, qty: number];

const decidedAt = new Date(0);

const decide = (wanted: Wanted[], stock: Record<number, number>) =>
  decideOrders(
    wanted.map(([productId, qty], index) => ({ orderId: `order-${index}`, productId, qty })),
    { stock: new Map(Object.entries(stock).map(([id, qty]) => [Number(id), qty])), decidedAt },
  );

const outcomes = (wanted: Wanted[], stock: Record<number, number>): string[] =>
  decide(wanted, stock).map(({ status, reason }) => reason ?? status);

describe("deciding orders against the stock", () => {
  test("gives an order exactly what is left, and nothing to the next", () => {
    const wanted: Wanted[] = [
      [1, 5],
      [1, 1],
    ];
    expect(outcomes(wanted, { 1: 5 })).toEqual(["done", "OUT_OF_STOCK"]);
  });

  test("rejects an order that does not fit, and still accepts a later smaller one", () => {
    const wanted: Wanted[] = [
      [1, 4],
      [1, 3],
      [1, 1],
      [1, 1],
    ];
    expect(outcomes(wanted, { 1: 5 })).toEqual(["done", "OUT_OF_STOCK", "done", "OUT_OF_STOCK"]);
  });

  test("rejects an order for an unknown product for that reason, whatever the others have", () => {
    const wanted: Wanted[] = [
      [2, 1],
      [1, 1],
    ];
    expect(outcomes(wanted, { 1: 1 })).toEqual(["PRODUCT_NOT_FOUND", "done"]);
  });

  test("tells a product without stock from an unknown one", () => {
    expect(outcomes([[1, 1]], { 1: 0 })).toEqual(["OUT_OF_STOCK"]);
  });

  test("answers with the orders as they came, and counts the pieces that they take", () => {
    const wanted: Wanted[] = [
      [1, 2],
      [1, 1],
      [2, 9],
    ];
    const decided = decide(wanted, { 1: 3, 2: 1 });
    expect(decided[0]).toEqual({
      orderId: "order-0",
      productId: 1,
      qty: 2,
      status: "done",
      reason: null,
      decidedAt,
    });
    expect(soldPieces(decided)).toEqual(new Map([[1, 3]]));
  });
});
