import type { Scope } from "@shop/contracts/access";
import { orderHeaders } from "@shop/contracts/headers";
import { orderId, placeOrderBody } from "@shop/contracts/order";
import { limit, pageQuery } from "@shop/contracts/page";
import { createProductBody, productIdText, replaceProductBody } from "@shop/contracts/product";
import { z } from "zod";
import type { Operation } from "./api-reference/operation.ts";
import { DOCS_FILES } from "./api-reference/page.ts";
import { productWithOrders } from "./bff/product-with-orders.ts";
import type { Combination } from "./bff/combination.ts";
import type { ServiceName } from "./services.ts";

/** Everything that the gateway answers to, as data: what is not listed here reaches no service. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** As Express reads it; a service's own path is the same. */
  readonly path: string;
  readonly params?: z.ZodType;
  /** Without one, a query is refused. */
  readonly query?: z.ZodType;
  readonly headers?: z.ZodType;
  /** Without one, a body is refused. */
  readonly body?: z.ZodType;
  /** Needed where authentication is on. */
  readonly scope?: Scope;
  /** Answered without a token even there. */
  readonly open?: true;
  /** What the reference says of it, where `api-reference/` does not. */
  readonly operation?: Operation;
  readonly answeredBy: ServiceName | Combination | "health" | "api-reference";
}

/** Served under each of these. */
export const PREFIXES = ["", "/api/v1"] as const;

/** The prefix of a request's URL. */
export const prefixOf = (url: string): string =>
  PREFIXES.findLast((prefix) => url.startsWith(`${prefix}/`)) ?? "";

/** Health checks get through when other requests do not. */
export const HEALTH = /^(?:\/api\/v1)?\/health$/;

const byId = z.object({ id: productIdText });

// Another file is missing, not wrong: 404 and not 400.
const docsFile = z.object({ file: z.string().meta({ enum: [...DOCS_FILES] }) });

export const ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/products",
    body: createProductBody,
    scope: "products:write",
    answeredBy: "product-service",
  },
  { method: "GET", path: "/products", query: pageQuery, answeredBy: "product-service" },
  // Before /products/:id, whose pattern fits this path as well.
  {
    method: "GET",
    path: "/products/:id-with-orders",
    params: byId,
    query: z.strictObject({ limit }),
    answeredBy: productWithOrders,
  },
  { method: "GET", path: "/products/:id", params: byId, answeredBy: "product-service" },
  {
    method: "PUT",
    path: "/products/:id",
    params: byId,
    body: replaceProductBody,
    scope: "products:write",
    answeredBy: "product-service",
  },
  {
    method: "DELETE",
    path: "/products/:id",
    params: byId,
    scope: "products:write",
    answeredBy: "product-service",
  },
  {
    method: "POST",
    path: "/orders",
    headers: orderHeaders,
    body: placeOrderBody,
    scope: "orders:write",
    answeredBy: "order-service",
  },
  {
    method: "GET",
    path: "/orders/product/:productId",
    params: z.object({ productId: productIdText }),
    query: pageQuery,
    answeredBy: "order-service",
  },
  {
    method: "GET",
    path: "/orders/:id",
    params: z.object({ id: orderId }),
    answeredBy: "order-service",
  },
  { method: "GET", path: "/health", open: true, answeredBy: "health" },
  { method: "GET", path: "/openapi.json", open: true, answeredBy: "api-reference" },
  // Only browsers are redirected to the reference. Under its prefix this is `/api/v1/`; `/api/v1` is no route.
  { method: "GET", path: "/", open: true, answeredBy: "api-reference" },
  { method: "GET", path: "/docs", open: true, answeredBy: "api-reference" },
  {
    method: "GET",
    path: "/docs/:file",
    params: docsFile,
    open: true,
    answeredBy: "api-reference",
  },
];
