import { describe, expect, expectTypeOf, test } from "vitest";
import { encodeCursor } from "./page.ts";
import {
  MAX_ORDER_QTY,
  order,
  orderCursor,
  orderCursorPlace,
  orderId,
  orderPage,
  placeOrderBody,
  type Order,
} from "./order.ts";
import { issuesToDetails } from "./validation.ts";

const ID = "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20";

describe("a body for an order", () => {
  test.each([
    { productId: 26, qty: 1 },
    { productId: 2_147_483_647, qty: MAX_ORDER_QTY },
    { productId: 26, qty: 2, price: 19.99 },
    { productId: 26, qty: 2, price: 0 },
  ])("accepts %j", (body) => {
    expect(placeOrderBody.parse(body)).toEqual(body);
  });

  test.each<[unknown, string[]]>([
    [{}, ["productId", "qty"]],
    [{ productId: "26", qty: "1" }, ["productId", "qty"]],
    [{ productId: 0, qty: 0 }, ["productId", "qty"]],
    [{ productId: 2_147_483_648, qty: MAX_ORDER_QTY + 1 }, ["productId", "qty"]],
    [{ productId: 1.5, qty: 1.5 }, ["productId", "qty"]],
    [{ productId: -26, qty: -1 }, ["productId", "qty"]],
    [{ productId: null, qty: null }, ["productId", "qty"]],
    [{ productId: 26, qty: 1, price: null }, ["price"]],
    [{ productId: 26, qty: 1, price: "19.99" }, ["price"]],
    [{ productId: 26, qty: 1, price: 0.30000000000000004 }, ["price"]],
    [{ productId: 26, qty: 1, unitPrice: 1, status: "done" }, ["unitPrice", "status"]],
    [JSON.parse('{"productId":26,"qty":1,"__proto__":{"price":0}}'), ["__proto__"]],
    [[], [""]],
    [undefined, [""]],
  ])("rejects %j and names exactly %j", (body, paths) => {
    const { error } = placeOrderBody.safeParse(body);
    expect(issuesToDetails(error?.issues ?? []).map(({ path }) => path)).toEqual(paths);
  });
});

describe("the id of an order", () => {
  test.each([ID, "00000000-0000-0000-0000-000000000000"])("may be any UUID: %s", (id) => {
    expect(orderId.parse(id)).toBe(id);
  });

  test("is read in small letters, as the database spells it", () => {
    expect(orderId.parse(ID.toUpperCase())).toBe(ID);
  });

  test.each(["", "1", ID.slice(1), `${ID}0`, `{${ID}}`, ID.replaceAll("-", ""), `${ID}\n`, 26])(
    "is not %j",
    (id) => {
      expect(orderId.safeParse(id).success).toBe(false);
    },
  );
});

describe("an order in an answer", () => {
  const at = "2026-11-20T10:15:30.123Z";
  const sample: Order = {
    id: ID,
    productId: 26,
    qty: 2,
    unitPrice: 19.99,
    totalPrice: 39.98,
    status: "pending",
    reason: null,
    createdAt: at,
    updatedAt: at,
  };

  test.each<Partial<Order>>([
    {},
    { status: "done" },
    { status: "rejected", reason: "OUT_OF_STOCK" },
    { status: "rejected", reason: "PRODUCT_NOT_FOUND" },
    { unitPrice: 9_999_999.99, qty: 10_000, totalPrice: 99_999_999_900 },
  ])("may have %j", (some) => {
    expect(order.parse({ ...sample, ...some })).toEqual({ ...sample, ...some });
    const page = { items: [{ ...sample, ...some }], nextCursor: orderCursor(ID) };
    expect(orderPage.parse(page)).toEqual(page);
  });

  test.each([
    { status: "cancelled" },
    { reason: "LOST" },
    { reason: undefined },
    { qty: 0 },
    { totalPrice: -1 },
    { id: "1" },
    { createdAt: 1 },
  ])("never has %j", (wrong) => {
    expect(order.safeParse({ ...sample, ...wrong }).success).toBe(false);
  });
});

describe("a cursor of the orders", () => {
  test("leads to its order", () => {
    expect(orderCursorPlace(orderCursor(ID))).toBe(ID);
  });

  test.each([
    encodeCursor("order", "26"),
    encodeCursor("product", ID),
    encodeCursor("order", `${ID}' OR '1'='1`),
    "",
  ])("is a bad request as %j", (cursor) => {
    expect(() => orderCursorPlace(cursor)).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST" }),
    );
  });
});

test("has the types of the schemas", () => {
  expectTypeOf<Order["status"]>().toEqualTypeOf<"pending" | "done" | "rejected">();
  expectTypeOf<Order["reason"]>().toEqualTypeOf<"OUT_OF_STOCK" | "PRODUCT_NOT_FOUND" | null>();
});
