// Every route, good and bad, once: does the shop that answers there keep its contract? Takes seconds, for CI.
import { checkBooks } from "./parts/books.js";
import { BOOKS_THRESHOLDS, common } from "./parts/options.js";
import { followUp } from "./parts/orders.js";
import { createProducts } from "./parts/products.js";
import { summaryOf } from "./parts/summary.js";
import { expectFailure, expectPlain, expectSuccess, expectText } from "./parts/expectations.js";
import { settings } from "./parts/settings.js";

const UNKNOWN_ORDER = "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20";
const UNKNOWN_PRODUCT = 2_147_483_647;
const ETAG = /^"\d+"$/;

export const options = {
  ...common,
  thresholds: {
    checks: ["rate==1"],
    "http_req_duration{load:yes}": ["p(95)<300"],
    order_to_done: [`p(95)<${settings.doneP95Ms}`],
    ...BOOKS_THRESHOLDS,
  },
};

export const setup = () => createProducts({ count: 1 });

export default function smoke({ products }) {
  for (const prefix of ["", "/api/v1"]) {
    productRoutes(prefix);
    orderRoutes(prefix, products[0].id);
  }
  operationRoutes();
  followUp(products[0].id);
}

function productRoutes(prefix) {
  const cup = { name: "k6 smoke cup", price: 9.5, qty: 7 };
  const created = expectSuccess("POST", `${prefix}/products`, { status: 201, body: cup });
  const path = `${prefix}/products/${created.data.id}`;
  const read = expectSuccess("GET", path, { headers: { ETag: ETAG } });
  expectPlain("GET", path, { status: 304, send: { "If-None-Match": read.headers.Etag } });
  expectPlain("HEAD", path, { status: 200 });
  expectSuccess("PUT", path, { body: { name: "k6 smoke mug", price: 8 } });
  expectFailure("PUT", path, {
    code: "PRECONDITION_FAILED",
    status: 412,
    body: cup,
    send: { "If-Match": '"999"' },
  });
  expectSuccess("GET", `${prefix}/products?limit=2`);
  expectSuccess("GET", `${path}-with-orders`);
  expectPlain("DELETE", path, { status: 204 });
  expectFailure("DELETE", path, { code: "PRODUCT_NOT_FOUND", status: 404 });
  expectFailure("GET", path, { code: "PRODUCT_NOT_FOUND", status: 404 });
  expectFailure("GET", `${path}-with-orders`, { code: "PRODUCT_NOT_FOUND", status: 404 });
  expectFailure("GET", `${prefix}/products/zero`, { code: "VALIDATION_FAILED", status: 400 });
  expectFailure("GET", `${prefix}/products?limit=0`, { code: "VALIDATION_FAILED", status: 400 });
  expectFailure("POST", `${prefix}/products`, {
    code: "VALIDATION_FAILED",
    status: 400,
    body: { name: "", price: -1, qty: "1" },
  });
  expectFailure("POST", `${prefix}/products`, { code: "MALFORMED_JSON", status: 400, body: "{" });
  expectFailure("POST", `${prefix}/products`, {
    code: "PAYLOAD_TOO_LARGE",
    status: 413,
    body: { ...cup, name: "x".repeat(110_000) },
  });
}

function orderRoutes(prefix, productId) {
  const list = `${prefix}/orders/product/${productId}?limit=100`;
  const ordersBefore = expectSuccess("GET", list).data.items.length;
  const bad = { productId, qty: 0 };
  expectFailure("POST", `${prefix}/orders`, { code: "VALIDATION_FAILED", status: 400, body: bad });
  expectFailure("POST", `${prefix}/orders`, {
    code: "PRODUCT_NOT_FOUND",
    status: 404,
    body: { productId: UNKNOWN_PRODUCT, qty: 1 },
  });
  expectFailure("POST", `${prefix}/orders`, {
    code: "PRICE_CHANGED",
    status: 409,
    body: { productId, qty: 1, price: 0.01 },
  });
  followUp(productId);
  const { items } = expectSuccess("GET", list).data;
  expectFailure("GET", `${prefix}/orders/${UNKNOWN_ORDER}`, {
    code: "ORDER_NOT_FOUND",
    status: 404,
  });
  expectFailure("GET", `${prefix}/orders/1`, { code: "VALIDATION_FAILED", status: 400 });
  expectSuccess("GET", `${prefix}/orders/${items[0].id}`, {
    data: ({ status }) => status === "done" && items.length === ordersBefore + 1,
  });
}

function operationRoutes() {
  expectSuccess("GET", "/health");
  expectFailure("GET", "/nowhere", { code: "NOT_FOUND", status: 404 });
  expectFailure("PATCH", "/products", { code: "METHOD_NOT_ALLOWED", status: 405, body: {} });
  expectPlain("OPTIONS", "/products", { status: 204 });
  expectText("/openapi.json", '"openapi":"3.1');
  expectText("/docs", "<html");
  expectText("/", "<html", { send: { Accept: "text/html" } });
  expectFailure("GET", "/", { code: "NOT_FOUND", status: 404 });
}

export const teardown = checkBooks;
export const handleSummary = summaryOf("smoke");
