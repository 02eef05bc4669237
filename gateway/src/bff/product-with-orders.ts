import type { Combination } from "./combine.ts";

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
