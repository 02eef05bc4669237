import { followUp } from "./orders.js";
import { dataOf, send } from "./requests.js";
import { settings } from "./settings.js";

/** More than any run can order, so that a rejection is an error. */
const STOCK = 100_000_000;

/** Products of this run's own: no other client orders them, so their stock can be counted to the piece. */
export function createProducts({ count = settings.products, ordersEach = 0 } = {}) {
  const run = new Date().toISOString();
  const products = Array.from({ length: count }, (_, index) => {
    const body = { name: `k6 ${run} ${index + 1}`, price: 9.5, qty: STOCK };
    const { id } = dataOf(send("POST", "/products", body, { tags: { name: "setup" } }));
    return { id, qty: STOCK };
  });
  for (const product of products) {
    for (let order = 0; order < ordersEach; order += 1) followUp(product.id);
  }
  return { products };
}

export const inTurn = (items, turn) => items[turn % items.length];
