import type { Column } from "../report.ts";
import type { Contender, Ratio, Scenario } from "../measure.ts";
import {
  cachedLists,
  cachedProducts,
  mixed,
  ordersAtFixedRate,
  ordersAtSaturation,
  productsWithOrders,
  uncachedLists,
  uncachedProducts,
  type Run,
  type Stage,
} from "./loads.ts";
import { PROCESS_NAMES } from "./shop.ts";

const LATENCIES: readonly Column[] = [
  { key: "p50Ms", title: "p50, ms", digits: 1 },
  { key: "p95Ms", title: "p95, ms", digits: 1 },
  { key: "p99Ms", title: "p99, ms", digits: 1 },
];
const FAILED: Column = { key: "failed", title: "failed", worst: true };

export const ORDER_COLUMNS: readonly Column[] = [
  { key: "settledPerSecond", title: "settled/s" },
  { key: "acceptedPerSecond", title: "accepted/s" },
  ...LATENCIES,
  FAILED,
  { key: "doneP50Ms", title: "order to done p50, ms", digits: 1 },
  { key: "doneP95Ms", title: "order to done p95, ms", digits: 1 },
  { key: "halfBacklog", title: "backlog half-way" },
  { key: "backlog", title: "backlog at the end" },
  { key: "drainMs", title: "drained in, ms" },
  { key: "mistakes", title: "mistakes in the books", worst: true },
  { key: "cpuPrograms", title: "CPU per order, our programs, µs" },
];

export const REQUEST_COLUMNS: readonly Column[] = [
  { key: "perSecond", title: "requests/s" },
  ...LATENCIES,
  FAILED,
  { key: "cpuPrograms", title: "CPU per request, our programs, µs" },
];

/** Titles and explanations; how each is run stands in system-contenders.ts. */
export const SYSTEM_SCENARIOS = {
  "orders-1000": {
    title: "Orders at 1,000/s",
    explanation:
      "`POST /orders` through the gateway at a fixed 1,000/s, twenty products. Order to done: a client beside the load orders five times a second and looks every 10 ms until its order is settled. Draining: until the last order is settled. Mistakes in the books: products whose stock does not add up, orders lost, doubled or without their stock movement.",
  },
  "orders-saturation": {
    title: "Orders at saturation",
    explanation:
      "`POST /orders` from 128 connections, twenty products. Settled orders count over the whole time, draining included. Backlog: orders that are not settled yet.",
  },
  "hot-product": {
    title: "One hot product",
    explanation:
      "`POST /orders` through the gateway from 128 connections: all for one product, against the same spread over twenty.",
  },
  "product-reads": {
    title: "Product reads",
    explanation:
      "`GET /products/:id` through the gateway, 32 connections: twenty products (from the cache), against 100,000 in turn (each from the database: the cache has forgotten it by its next turn).",
  },
  "order-lists": {
    title: "Order lists",
    explanation:
      "`GET /orders/product/:id` through the gateway, 32 connections, twenty products: first pages of 20 (from the cache), against pages of 25 (from the database).",
  },
  bff: {
    title: "A product with its orders at 1,000/s",
    explanation:
      "`GET /products/:id-with-orders` through the gateway at a fixed 1,000/s, twenty products, real services behind it.",
  },
  mixed: {
    title: "A mix at 1,000/s",
    explanation:
      "Through the gateway at a fixed 1,000/s: 60 % product reads, 20 % orders, 10 % order lists, 10 % products with orders.",
  },
} as const;

export const BIG_SCENARIOS = {
  "big-orders": {
    title: "With a million orders in place: orders at saturation",
    explanation:
      "Two systems side by side, one empty (but for the orders of its warm-up, some tens of thousands) and one with 1,000,000 orders and 100,000 products; only one is under load at a time. `POST /orders` through the gateway from 128 connections, twenty products.",
  },
  "big-orders-1000": {
    title: "With a million orders in place: orders at 1,000/s",
    explanation: "The same two systems, `POST /orders` at a fixed 1,000/s.",
  },
  "big-lists": {
    title: "With a million orders in place: order lists from the database",
    explanation: "The same two systems, pages of 25 orders, 32 connections.",
  },
  "big-product-reads": {
    title: "With a million orders in place: uncached product reads",
    explanation:
      "The same two systems, 100,000 products in turn, 32 connections. For this one the empty system gets as many products.",
  },
} as const;

export type SystemScenarioName = keyof typeof SYSTEM_SCENARIOS;
export type BigScenarioName = keyof typeof BIG_SCENARIOS;

const THROUGH_GATEWAY = "through the gateway";
const FROM_CACHE = "from the cache";
const TWENTY = "twenty products";

const orders = (runs: Record<string, Run>, to?: string) => ({
  columns: ORDER_COLUMNS,
  ratios: ratios("settledPerSecond", to),
  contenders: contenders(runs),
  processes: PROCESS_NAMES,
});

const requests = (runs: Record<string, Run>, to?: string) => ({
  columns: REQUEST_COLUMNS,
  ratios: ratios("perSecond", to),
  contenders: contenders(runs),
});

const ratios = (key: string, to: string | undefined): Ratio[] =>
  to === undefined ? [] : [{ key, title: "ratio", to }];

const contenders = (runs: Record<string, Run>): Contender[] =>
  Object.entries(runs).map(([name, run]) => ({ name, run }));

const BUILDERS: Record<
  SystemScenarioName,
  (stage: Stage) => Omit<Scenario, "name" | "title" | "explanation" | "leftOut">
> = {
  "orders-1000": (stage) => orders({ [THROUGH_GATEWAY]: ordersAtFixedRate(stage) }),
  "orders-saturation": (stage) =>
    orders(
      {
        [THROUGH_GATEWAY]: ordersAtSaturation(stage),
        "at order-service": ordersAtSaturation(stage, stage.shop.orderServiceUrl),
      },
      THROUGH_GATEWAY,
    ),
  "hot-product": (stage) =>
    orders(
      {
        [TWENTY]: ordersAtSaturation(stage),
        "one product": ordersAtSaturation({ ...stage, productIds: stage.productIds.slice(0, 1) }),
      },
      TWENTY,
    ),
  "product-reads": (stage) =>
    requests(
      { [FROM_CACHE]: cachedProducts(stage), "from the database": uncachedProducts(stage) },
      FROM_CACHE,
    ),
  "order-lists": (stage) =>
    requests(
      { [FROM_CACHE]: cachedLists(stage), "from the database": uncachedLists(stage) },
      FROM_CACHE,
    ),
  bff: (stage) => requests({ [THROUGH_GATEWAY]: productsWithOrders(stage) }),
  mixed: (stage) => requests({ [THROUGH_GATEWAY]: mixed(stage) }),
};

export const systemScenario = (name: SystemScenarioName, stage: Stage): Scenario => ({
  name,
  ...SYSTEM_SCENARIOS[name],
  ...BUILDERS[name](stage),
  leftOut: [],
});
