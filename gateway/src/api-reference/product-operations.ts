import { product, productPage } from "@shop/contracts/product";
import { dataOf, metaOf } from "../bff/combination.ts";
import { productWithOrders } from "../bff/product-with-orders.ts";
import { NO_ORDERS, ORDER_PAGE, PRODUCT, PRODUCT_PAGE } from "./examples.ts";
import type { Link, Operation } from "./operation.ts";

const NEW_ID = "$response.body#/data/id";

const ofProduct = (operationId: string): Link => ({ operationId, parameters: { id: NEW_ID } });

export const PRODUCT_OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /products": {
    id: "createProduct",
    tag: "Products",
    summary: "Create a product",
    bodies: {
      product: { name: "Laptop Pro", price: 1299.99, qty: 50 },
      free: { name: "Sticker", price: 0, qty: 0 },
    },
    answers: {
      201: {
        description: "It is on sale",
        data: product,
        examples: { product: PRODUCT },
        headers: ["Location", "ETag"],
        links: {
          read: ofProduct("getProduct"),
          replace: ofProduct("replaceProduct"),
          delete: ofProduct("deleteProduct"),
          withOrders: ofProduct("getProductWithOrders"),
          orders: { operationId: "listOrdersOfProduct", parameters: { productId: NEW_ID } },
          order: { operationId: "placeOrder", requestBody: { productId: NEW_ID, qty: 1 } },
        },
      },
    },
  },
  "GET /products": {
    id: "listProducts",
    tag: "Products",
    summary: "List products, newest first",
    description: "Pages neither skip nor repeat what existed when the first one was read.",
    answers: {
      200: {
        description: "A page; `nextCursor` is null on the last one",
        data: productPage,
        examples: { page: PRODUCT_PAGE },
        links: {
          next: {
            operationId: "listProducts",
            parameters: { cursor: "$response.body#/data/nextCursor" },
          },
        },
      },
    },
    errors: ["BAD_REQUEST"],
  },
  "GET /products/:id-with-orders": {
    id: "getProductWithOrders",
    tag: "Products",
    summary: "Read a product together with its newest orders",
    description:
      "Both services are asked at once. The product is required. When the orders can't be had in time, `orders` is null and" +
      " `meta` says so: that is never the same as a product without orders.",
    answers: {
      200: {
        description: "The product, and its orders unless `meta.partial` is true",
        data: dataOf(productWithOrders),
        meta: metaOf(productWithOrders),
        examples: {
          whole: { product: PRODUCT, orders: ORDER_PAGE },
          "without orders": { product: PRODUCT, orders: NO_ORDERS },
          partial: { product: PRODUCT, orders: null },
        },
        exampleMeta: {
          whole: { partial: false },
          "without orders": { partial: false },
          partial: { partial: true, unavailable: ["orders"] },
        },
      },
    },
    errors: ["PRODUCT_NOT_FOUND"],
  },
  "GET /products/:id": {
    id: "getProduct",
    tag: "Products",
    summary: "Read a product",
    headers: ["If-None-Match"],
    answers: {
      200: {
        description: "The product",
        data: product,
        examples: { product: PRODUCT },
        headers: ["ETag"],
      },
      304: {
        description: "`If-None-Match` names the version of today; there is no body",
        headers: ["ETag"],
      },
    },
    errors: ["PRODUCT_NOT_FOUND"],
  },
  "PUT /products/:id": {
    id: "replaceProduct",
    tag: "Products",
    summary: "Replace a product",
    description: "Without `qty` the stock stays as it is.",
    headers: ["If-Match"],
    bodies: {
      "price and name": { name: "Laptop Pro", price: 1199.5 },
      "stock as well": { name: "Laptop Pro", price: 1199.5, qty: 75 },
    },
    answers: {
      200: {
        description: "The product as it is now",
        data: product,
        examples: { product: { ...PRODUCT, price: 1199.5, version: 2 } },
        headers: ["ETag"],
      },
    },
    errors: ["PRODUCT_NOT_FOUND", "PRECONDITION_FAILED"],
  },
  "DELETE /products/:id": {
    id: "deleteProduct",
    tag: "Products",
    summary: "Take a product off sale",
    description: "Orders that were placed stay. A second time it is 404.",
    answers: { 204: { description: "It is off sale; there is no body" } },
    errors: ["PRODUCT_NOT_FOUND"],
  },
};
