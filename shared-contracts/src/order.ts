import { z } from "zod";
import { price } from "./money.ts";
import { decodeCursor, encodeCursor, page } from "./page.ts";
import { productId } from "./product.ts";

export const MAX_ORDER_QTY = 10_000;

const qtyRule = `must be an integer from 1 to ${MAX_ORDER_QTY}`;

export const orderQty = z.int(qtyRule).min(1, qtyRule).max(MAX_ORDER_QTY, qtyRule);

export const placeOrderBody = z
  .strictObject(
    {
      productId,
      qty: orderQty.meta({ examples: [2] }),
      price: price.optional().meta({
        description:
          "The unit price that the client saw; 409 PRICE_CHANGED when it is another by now",
      }),
    },
    "must be a JSON object",
  )
  .meta({ id: "PlaceOrder" });
export type PlaceOrderBody = z.infer<typeof placeOrderBody>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Ours are version 7; any other UUID is simply not the id of an order. PostgreSQL answers UUIDs in small letters: an id in
 * capitals would not be found again among its rows.
 */
export const orderId = z
  .string("must be a UUID")
  .regex(UUID, "must be a UUID")
  .toLowerCase()
  .meta({ format: "uuid", examples: ["019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20"] });

export const orderStatus = z.enum(["pending", "done", "rejected"]);
export type OrderStatus = z.infer<typeof orderStatus>;

export const rejectionReason = z.enum(["OUT_OF_STOCK", "PRODUCT_NOT_FOUND"]);
export type RejectionReason = z.infer<typeof rejectionReason>;

export const order = z
  .object({
    id: orderId,
    productId,
    qty: orderQty,
    unitPrice: price,
    totalPrice: z
      .number()
      .min(0)
      .meta({ examples: [39.98] }),
    status: orderStatus,
    reason: rejectionReason.nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Order" });
export type Order = z.infer<typeof order>;

export const orderPage = page(order).meta({ id: "OrderPage" });

const CURSOR_KIND = "order";

export const orderCursor = (id: string): string => encodeCursor(CURSOR_KIND, id);
export const orderCursorPlace = (cursor: string): string =>
  decodeCursor(CURSOR_KIND, cursor, (place) => UUID.test(place));
