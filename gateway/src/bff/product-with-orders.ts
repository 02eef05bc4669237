import { orderPage } from "@shop/contracts/order";
import { product } from "@shop/contracts/product";
import { z } from "zod";
import type { Combination } from "./combine.ts";

/** What the answer's reader gets; it is checked against the parts in tests, and never at work. */
export const productWithOrdersData = z.object({ product, orders: orderPage.nullable() });

/** A product page in one request. */
export const productWithOrders: Combination = {
  product: {
    service: "product-service",
    path: ({ id }) => `/products/${id}`,
    required: true,
  },
  orders: {
    service: "order-service",
    path: ({ id }, { limit }) => `/orders/product/${id}?limit=${limit}`,
    required: false,
  },
};
