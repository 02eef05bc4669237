import { sleep } from "k6";
import { Counter, Trend } from "k6/metrics";
import { get, send } from "./requests.js";
import { settings } from "./settings.js";

const POLL_PAUSE_SECONDS = 0.005;

const placed = new Counter("orders_placed");
// Two sums that are 0 when the books are right. Teardown can't read what was counted before, so it goes on counting:
// `lost` has +1 for each 201 and -1 for each order that is found in the end: above 0, promised orders are missing.
// `surplus` has -1 for each order sent, +1 for each refused, +1 for each found: above 0, orders exist that this run did not send.
// An order without an answer leaves room for both: it may have been placed or not.
export const lost = new Counter("orders_lost");
export const surplus = new Counter("orders_surplus");
const toDone = new Trend("order_to_done", true);

const isRefusal = (status) => status >= 400 && status < 500;

const sendOrder = (productId, turn, options) =>
  send("POST", "/orders", { productId, qty: 1 + (turn % 3) }, options);

/** One new order, in the books. */
export function placeOrder(productId, turn, options) {
  surplus.add(-1);
  const response = sendOrder(productId, turn, options);
  if (response.status === 201) {
    placed.add(1);
    lost.add(1);
  } else if (isRefusal(response.status)) {
    surplus.add(1);
  }
  return response;
}

/** With the key of an order that is in the books: no new one, so it is not counted again. */
export const repeatOrder = sendOrder;

/** Places an order and polls it until it has its outcome. */
export function followUp(productId, tags) {
  const sentAt = Date.now();
  const limitMs = settings.settleLimitSeconds * 1000;
  const response = placeOrder(productId, 0, { tags: { name: "POST /orders, followed" } });
  if (response.status !== 201) return;
  const { id } = JSON.parse(response.body).data;
  while (Date.now() - sentAt < limitMs) {
    const answer = get(`/orders/${id}`, { tags: { name: "GET /orders/:id, followed" } });
    const isSettled = answer.status === 200 && JSON.parse(answer.body).data.status !== "pending";
    if (isSettled) break;
    sleep(POLL_PAUSE_SECONDS);
  }
  // One that never settles counts with the whole time that was waited.
  toDone.add(Date.now() - sentAt, tags);
}
