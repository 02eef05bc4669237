import { orderPage } from "@shop/contracts/order";
import { product } from "@shop/contracts/product";
import type { Combination } from "./combination.ts";

/** A product page in one request. */
export const productWithOrders: Combination = {
  product: {
    service: "product-service",
    path: ({ id }) => `/products/${id}`,
    required: true,
    data: product,
  },
  orders: {
    service: "order-service",
    path: ({ id }, { limit }) => `/orders/product/${id}?limit=${limit}`,
    required: false,
    data: orderPage,
  },
};
