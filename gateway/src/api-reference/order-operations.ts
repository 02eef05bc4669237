import { order, orderPage } from "@shop/contracts/order";
import { DONE, ORDER_PAGE, PENDING, REJECTED } from "./examples.ts";
import type { Operation } from "./operation.ts";

export const ORDER_OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /orders": {
    id: "placeOrder",
    tag: "Orders",
    summary: "Place an order",
    description:
      "The answer comes once the order is stored, before it is decided: it is `pending`, and becomes `done` or `rejected` soon." +
      "\n\nWith an `Idempotency-Key` it is safe to send the request again: the same key and body give the same order, for 24 hours" +
      " at least. Only a 201 is remembered; after an error the same key may be tried again.",
    bodies: {
      order: { productId: 26, qty: 2 },
      "with the price that was seen": { productId: 26, qty: 2, price: 1299.99 },
    },
    answers: {
      201: {
        description: "It is stored, and will be decided",
        data: order,
        examples: { pending: PENDING },
        headers: ["Location", "Idempotency-Replayed"],
        links: {
          read: { operationId: "getOrder", parameters: { id: "$response.body#/data/id" } },
          list: {
            operationId: "listOrdersOfProduct",
            parameters: { productId: "$response.body#/data/productId" },
          },
        },
      },
    },
    errors: [
      "PRODUCT_NOT_FOUND",
      "PRICE_CHANGED",
      "IDEMPOTENCY_IN_PROGRESS",
      "IDEMPOTENCY_KEY_REUSED",
    ],
  },
  "GET /orders/product/:productId": {
    id: "listOrdersOfProduct",
    tag: "Orders",
    summary: "List the orders of a product, newest first",
    description:
      "Empty when there are none, also when there is no such product. With authentication on, a caller sees its own orders; the" +
      " scope `orders:read` shows all.",
    answers: {
      200: {
        description: "A page; `nextCursor` is null on the last one",
        data: orderPage,
        examples: { page: ORDER_PAGE },
        links: {
          next: {
            operationId: "listOrdersOfProduct",
            parameters: {
              productId: "$request.path.productId",
              cursor: "$response.body#/data/nextCursor",
            },
          },
        },
      },
    },
    errors: ["BAD_REQUEST"],
  },
  "GET /orders/:id": {
    id: "getOrder",
    tag: "Orders",
    summary: "Read an order",
    description:
      "With authentication on, another caller's order is 404 as well; the scope `orders:read` shows all.",
    answers: {
      200: {
        description: "The order",
        data: order,
        examples: { pending: PENDING, done: DONE, rejected: REJECTED },
      },
    },
    errors: ["ORDER_NOT_FOUND"],
  },
};
