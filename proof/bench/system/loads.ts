import type { LoadRequest } from "../load.ts";
import type { Figures } from "../measure.ts";
import { runOrders } from "./orders.ts";
import { cpuPer, manyProducts, type Shop } from "./shop.ts";

interface RequestsLoad {
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly seconds: number;
  readonly perSecond?: number;
}

/** Through the gateway; for requests whose answer is all there is to wait for. */
async function runRequests(shop: Shop, load: RequestsLoad, signal: AbortSignal): Promise<Figures> {
  const cpuBefore = shop.cpuUs();
  const result = await shop.load.run({ ...load, url: shop.url }, signal);
  return {
    perSecond: result.ok / result.seconds,
    failed: result.failed,
    p50Ms: result.p50Ms,
    p95Ms: result.p95Ms,
    p99Ms: result.p99Ms,
    ...cpuPer(result.ok, cpuBefore, shop.cpuUs()),
  };
}

/** A shop with twenty products that have orders, and how long a run takes. */
export interface Stage {
  readonly shop: Shop;
  readonly productIds: readonly number[];
  readonly seconds: number;
}

export type Run = (signal: AbortSignal) => Promise<Figures>;

const ORDER_CONNECTIONS = 128;
const READ_CONNECTIONS = 32;
/** More than are ever needed at once, so that none has to wait unless the system stalls. */
const FIXED_RATE_CONNECTIONS = 256;
const FIXED_PER_SECOND = 1_000;
const MANY_PRODUCTS = 100_000;

const product = (id: number): LoadRequest => ({ path: `/products/${id}` });
const firstPage = (id: number): LoadRequest => ({ path: `/orders/product/${id}` });
/** Longer than what is cached. */
const longPage = (id: number): LoadRequest => ({ path: `/orders/product/${id}?limit=25` });
const withOrders = (id: number): LoadRequest => ({ path: `/products/${id}-with-orders` });
const order = (id: number): LoadRequest => ({ path: "/orders", body: { productId: id, qty: 1 } });

/** Ten requests for each product, in the shares of the mixed scenario. */
const mix = (id: number): LoadRequest[] =>
  [product, order, product, firstPage, product, product, order, product, withOrders, product].map(
    (kind) => kind(id),
  );

export const ordersAtSaturation =
  ({ shop, productIds, seconds }: Stage, url = shop.url): Run =>
  (signal) =>
    runOrders(shop, { url, productIds, seconds, connections: ORDER_CONNECTIONS }, signal);

export const ordersAtFixedRate =
  ({ shop, productIds, seconds }: Stage): Run =>
  (signal) =>
    runOrders(
      shop,
      {
        url: shop.url,
        productIds,
        seconds,
        connections: FIXED_RATE_CONNECTIONS,
        perSecond: FIXED_PER_SECOND,
      },
      signal,
    );

const reads =
  ({ shop, seconds }: Stage, requests: () => Promise<readonly LoadRequest[]>): Run =>
  async (signal) => {
    const load = { requests: await requests(), seconds, connections: READ_CONNECTIONS };
    return runRequests(shop, load, signal);
  };

export const cachedProducts = (stage: Stage): Run =>
  reads(stage, async () => stage.productIds.map(product));
export const uncachedProducts = (stage: Stage): Run =>
  reads(stage, async () => (await manyProducts(stage.shop, MANY_PRODUCTS)).map(product));
export const cachedLists = (stage: Stage): Run =>
  reads(stage, async () => stage.productIds.map(firstPage));
export const uncachedLists = (stage: Stage): Run =>
  reads(stage, async () => stage.productIds.map(longPage));

const atFixedRate =
  ({ shop, seconds }: Stage, requests: readonly LoadRequest[]): Run =>
  (signal) =>
    runRequests(
      shop,
      { requests, seconds, connections: FIXED_RATE_CONNECTIONS, perSecond: FIXED_PER_SECOND },
      signal,
    );

export const productsWithOrders = (stage: Stage): Run =>
  atFixedRate(stage, stage.productIds.map(withOrders));
export const mixed = (stage: Stage): Run => atFixedRate(stage, stage.productIds.flatMap(mix));
