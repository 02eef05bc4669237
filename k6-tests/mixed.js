// A shop's day: out of ten requests seven read, one asks the BFF and two order, every second order with an Idempotency-Key.
import { check } from "k6";
import { checkBooks } from "./parts/books.js";
import { arrivals, loadOptions } from "./parts/options.js";
import { followUp, placeOrder, repeatOrder } from "./parts/orders.js";
import { createProducts, inTurn } from "./parts/products.js";
import { readOne, readWithOrders } from "./parts/reads.js";
import { summaryOf } from "./parts/summary.js";
import { currentScenario, loadTags } from "./parts/requests.js";
import { settings } from "./parts/settings.js";

const ORDERS_EACH = 3;
/** Out of so many orders with a key one is sent again, as by a client that has lost the answer. */
const REPEATED = 10;

const { thresholds, ...others } = loadOptions({
  reads: arrivals("reads", settings.rate * 0.7),
  bff: arrivals("bff", settings.rate * 0.1),
  orders: arrivals("orders", settings.rate * 0.2),
});
export const options = { ...others, thresholds: { ...thresholds, checks: ["rate==1"] } };

export const setup = () => createProducts({ ordersEach: ORDERS_EACH });

export const reads = readOne;
export const bff = readWithOrders;

export function orders({ products }) {
  const turn = currentScenario().iterationInTest;
  const { id } = inTurn(products, turn);
  if (turn % 2 === 0) {
    placeOrder(id, turn, { tags: loadTags("POST /orders"), responseType: "none" });
    return;
  }
  const sendTo = {
    tags: loadTags("POST /orders, Idempotency-Key"),
    headers: { "Idempotency-Key": `${id}-${turn}` },
  };
  const first = placeOrder(id, turn, sendTo);
  const isRepeated = turn % (2 * REPEATED) === 1 && first.status === 201;
  if (!isRepeated) return;
  const again = repeatOrder(id, turn, sendTo);
  check(again, {
    "the same key is the same order": ({ status, body, headers }) =>
      status === 201 &&
      headers["Idempotency-Replayed"] === "true" &&
      JSON.parse(body).data.id === JSON.parse(first.body).data.id,
  });
}

export const followed = ({ products }) =>
  followUp(inTurn(products, currentScenario().iterationInTest).id);

export const teardown = checkBooks;
export const handleSummary = summaryOf("mixed");
