import type { Order } from "@shop/contracts/order";
import type { Product } from "@shop/contracts/product";

const EXAMPLE_REQUEST_ID = "6f1c7a52-3e0b-4f7e-9d55-0c8a4b1e2f33";
const AT = "2026-11-20T10:15:30.123Z";

export const EXAMPLE_META = { requestId: EXAMPLE_REQUEST_ID, timestamp: AT };

export const PRODUCT: Product = {
  id: 26,
  name: "Laptop Pro",
  price: 1299.99,
  qty: 50,
  version: 1,
  createdAt: AT,
  updatedAt: AT,
};

export const PENDING: Order = {
  id: "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20",
  productId: 26,
  qty: 2,
  unitPrice: 1299.99,
  totalPrice: 2599.98,
  status: "pending",
  reason: null,
  createdAt: AT,
  updatedAt: AT,
};

export const DONE: Order = { ...PENDING, status: "done", updatedAt: "2026-11-20T10:15:30.141Z" };

export const REJECTED: Order = { ...DONE, status: "rejected", reason: "OUT_OF_STOCK" };

/** One more page behind it, or none. */
export const PRODUCT_PAGE = { items: [PRODUCT], nextCursor: "cHJvZHVjdDoyNg" };
export const ORDER_PAGE = { items: [DONE, REJECTED], nextCursor: null };
export const NO_ORDERS = { items: [], nextCursor: null };
