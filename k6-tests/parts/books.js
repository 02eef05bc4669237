import { sleep } from "k6";
import { Counter, Trend } from "k6/metrics";
import { lost, surplus } from "./orders.js";
import { dataOf, get } from "./requests.js";
import { settings } from "./settings.js";

const DRAIN_PAUSE_SECONDS = 0.1;
// A product is read through a cache that may lag so long when its Redis has failed; else the first answer is right.
const STALE_LIMIT_MS = 6_000;
const PAGE_SIZE = 100;

const drainTime = new Trend("drain_time", true);
const checked = new Counter("products_checked");
const stockMismatch = new Counter("stock_mismatch");
const pendingLeft = new Counter("pending_left");
const rejected = new Counter("orders_rejected");

const tags = { name: "books" };

const pageOf = (productId, cursor) =>
  dataOf(
    get(
      `/orders/product/${productId}?limit=${PAGE_SIZE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      { tags },
    ),
  );

const isPending = ({ status }) => status === "pending";

/** Only the newest of each product are asked for, so that waiting does not slow down what is waited for. */
function waitUntilDrained(products) {
  const deadline = Date.now() + settings.drainLimitSeconds * 1000;
  for (const { id } of products) {
    while (pageOf(id).items.some(isPending) && Date.now() < deadline) sleep(DRAIN_PAUSE_SECONDS);
  }
}

function countOrders(productId) {
  const sums = { ids: new Set(), pending: 0, rejected: 0, soldQty: 0, placedAt: 0, settledAt: 0 };
  let cursor = null;
  do {
    const page = pageOf(productId, cursor);
    for (const order of page.items) {
      sums.ids.add(order.id);
      sums.placedAt = Math.max(sums.placedAt, Date.parse(order.createdAt));
      sums.settledAt = Math.max(sums.settledAt, Date.parse(order.updatedAt));
      if (order.status === "pending") sums.pending += 1;
      if (order.status === "rejected") sums.rejected += 1;
      if (order.status === "done") sums.soldQty += order.qty;
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return sums;
}

function stockAddsUp({ id, qty }, soldQty) {
  const deadline = Date.now() + STALE_LIMIT_MS;
  for (;;) {
    const left = dataOf(get(`/products/${id}`, { tags })).qty;
    if (left + soldQty === qty) return true;
    if (Date.now() > deadline) {
      console.error(`Product ${id} had ${qty}, sold ${soldQty}, and has ${left}.`);
      return false;
    }
    sleep(DRAIN_PAUSE_SECONDS);
  }
}

/** Finds every order of the run again and reckons the stock of each product to the piece. */
export function checkBooks({ products }) {
  waitUntilDrained(products);
  let placedAt = 0;
  let settledAt = 0;
  for (const product of products) {
    const sums = countOrders(product.id);
    placedAt = Math.max(placedAt, sums.placedAt);
    settledAt = Math.max(settledAt, sums.settledAt);
    lost.add(-sums.ids.size);
    surplus.add(sums.ids.size);
    pendingLeft.add(sums.pending);
    rejected.add(sums.rejected);
    stockMismatch.add(stockAddsUp(product, sums.soldQty) ? 0 : 1);
    checked.add(1);
  }
  // By the shop's clock alone: from the moment the last order was taken to the one when the last was settled.
  drainTime.add(Math.max(0, settledAt - placedAt));
}
