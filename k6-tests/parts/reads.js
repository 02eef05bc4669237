import { inTurn } from "./products.js";
import { currentScenario, get, loadTags } from "./requests.js";

const discard = (name, headers) => ({ tags: loadTags(name), responseType: "none", headers });

const PATTERNS = [
  ({ id }) => get(`/products/${id}`, discard("GET /products/:id")),
  // What a browser or a proxy asks that has it already: answered 304 as long as no order came meanwhile.
  ({ id }) =>
    get(`/products/${id}`, discard("GET /products/:id, If-None-Match", { "If-None-Match": '"1"' })),
  ({ id }) => get(`/products/${id}`, discard("GET /products/:id")),
  () => get("/products?limit=20", discard("GET /products")),
  ({ id }) => get(`/orders/product/${id}?limit=20`, discard("GET /orders/product/:productId")),
];

/** Three reads of one product for a list of each kind. */
export function readOne({ products }) {
  const turn = currentScenario().iterationInTest;
  const product = inTurn(products, Math.floor(turn / PATTERNS.length));
  inTurn(PATTERNS, turn)(product);
}

export function readWithOrders({ products }) {
  const { id } = inTurn(products, currentScenario().iterationInTest);
  get(`/products/${id}-with-orders`, discard("GET /products/:id-with-orders"));
}
