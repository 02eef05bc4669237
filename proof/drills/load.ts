import { setTimeout as rest } from "node:timers/promises";
import { clients } from "@shop/test-support/http";
import type { Entry, Ledger } from "@shop/test-support/ledger";
import { between } from "@shop/test-support/random";

/** As many as come at once in any drill, so that it is the shop that they wait for and not each other. */
const CONNECTIONS = 1_000;

/** The drills' own clients; tests have fewer. */
export const call = clients(CONNECTIONS);

const PRODUCTS = { plenty: 9, stock: 1_000_000, scarce: 300 };

/** The first is stock that runs out. */
export async function createProducts(gateway: string): Promise<number[]> {
  const stocks = [
    PRODUCTS.scarce,
    ...Array.from({ length: PRODUCTS.plenty }, () => PRODUCTS.stock),
  ];
  const ids: number[] = [];
  for (const qty of stocks) {
    const { status, body } = await call(`${gateway}/products`, {
      body: { name: "Cup", price: 10, qty },
    });
    if (status !== 201) throw new Error(`a product could not be created: ${status}`);
    ids.push(body.data.id);
  }
  return ids;
}

/** One answer as a client saw it; no status: the connection broke, or there was none. */
export interface Heard {
  /** Method and kind of path: "POST /orders", "GET /products/:id". */
  readonly what: string;
  readonly status: number | undefined;
  /** By `performance.now()`. */
  readonly at: number;
  readonly tookMs: number;
}

/** Clients who wait at once, also for their next try: who comes when there are so many goes away, and is counted. */
const MOST_IN_FLIGHT = 4_000;
const TICK_MS = 5;
/** Who has a key asks again for so long. */
const ASK_AGAIN_FOR_MS = 20_000;
const ASK_AGAIN_REST_MS = { first: 100, most: 2_000 };
const READS_PER_ORDER = 0.2;
const WRITES_PER_SECOND = 4;
const MOST_PIECES = 3;
/** Programs that were just started are slow, and a crowd that comes all at once stands before their doors for long. */
export const RAMP_MS = 4_000;

export interface LoadPlan {
  readonly gateway: string;
  readonly ledger: Ledger;
  readonly ordersPerSecond: number;
  /** The first is stock that runs out. */
  readonly productIds: readonly number[];
  readonly random: () => number;
  /** Part of every key, so that no two runs share one. */
  readonly run: string;
  /** The user wants an end: no request is sent or repeated any more. */
  readonly signal: AbortSignal;
}

export interface Load {
  /** Every read and write but the orders, which the ledger has. */
  readonly heard: Heard[];
  readonly productIds: readonly number[];
  /** Requests that were not sent, since too many waited. */
  readonly turnedAway: number;
  /** Sends no more, and waits for what is on its way. */
  stop(): Promise<void>;
}

/**
 * Clients come at a steady rate, however the shop does: orders, half of them with keys whose owners ask until there is an
 * answer, reads of what is bought, and now and then a change of a product.
 */
export function startLoad(plan: LoadPlan): Load {
  const { gateway, ledger, random, productIds } = plan;
  const heard: Heard[] = [];
  const onTheWay = new Set<Promise<unknown>>();
  const stopped = new AbortController();
  const ended = AbortSignal.any([stopped.signal, plan.signal]);
  let turnedAway = 0;
  let orders = 0;

  const send = (work: () => Promise<unknown>): void => {
    if (onTheWay.size >= MOST_IN_FLIGHT) {
      turnedAway += 1;
      return;
    }
    const sent = work().finally(() => onTheWay.delete(sent));
    onTheWay.add(sent);
  };
  const anyProduct = (): number => productIds[between(random, 0, productIds.length - 1)]!;

  const ask = async (what: string, path: string, body?: object): Promise<void> => {
    const at = performance.now();
    const method = what.split(" ")[0]!;
    const answer = await call(`${gateway}${path}`, { method, body }).catch(() => undefined);
    heard.push({ what, status: answer?.status, at, tookMs: performance.now() - at });
  };

  const order = async (): Promise<void> => {
    orders += 1;
    const wish = { productId: anyProduct(), qty: between(random, 1, MOST_PIECES) };
    if (orders % 2 === 0) await ledger.place(gateway, wish);
    else await askUntilAnswered(plan, wish, `${plan.run}-${orders}`);
  };

  const read = (): Promise<void> => {
    const id = anyProduct();
    const recent = ledger.entries.at(-between(random, 1, 200))?.order;
    const kind = random();
    if (kind < 0.5) return ask("GET /products/:id", `/products/${id}`);
    if (kind < 0.8 && recent) return ask("GET /orders/:id", `/orders/${recent.id}`);
    return ask("GET /orders/product/:id", `/orders/product/${id}`);
  };

  const write = (): Promise<void> => {
    const id = anyProduct();
    // Without `qty` at times: the stock stays then as it is.
    const qty = random() < 0.5 ? {} : { qty: between(random, 50_000, 100_000) };
    const scarce = id === productIds[0];
    const body = { name: `Cup ${between(random, 1, 999)}`, price: 10, ...(scarce ? {} : qty) };
    return ask("PUT /products/:id", `/products/${id}`, body);
  };

  const pace = Promise.all([
    keepPace(plan.ordersPerSecond, () => send(order), ended),
    keepPace(plan.ordersPerSecond * READS_PER_ORDER, () => send(read), ended),
    keepPace(plan.ordersPerSecond > 0 ? WRITES_PER_SECOND : 0, () => send(write), ended),
  ]);
  return {
    heard,
    productIds,
    get turnedAway() {
      return turnedAway;
    },
    stop: async () => {
      stopped.abort();
      await pace;
      await Promise.all(onTheWay);
    },
  };
}

/** How long it would take at full pace to send what is due by now: the pace grows from nothing, evenly. */
const atFullPace = (ms: number): number =>
  ms < RAMP_MS ? ms ** 2 / (2 * RAMP_MS) : ms - RAMP_MS / 2;

async function askUntilAnswered(
  { ledger, gateway, signal }: LoadPlan,
  wish: { productId: number; qty: number },
  key: string,
): Promise<void> {
  const end = performance.now() + ASK_AGAIN_FOR_MS;
  for (
    let restMs = ASK_AGAIN_REST_MS.first;
    ;
    restMs = Math.min(restMs * 2, ASK_AGAIN_REST_MS.most)
  ) {
    const entry = await ledger.place(gateway, wish, { key });
    if (!isWorthAsking(entry) || performance.now() > end || signal.aborted) return;
    // Apart from each other: they were all refused in the same moment.
    await rest(restMs * (0.5 + Math.random()));
  }
}

const isWorthAsking = ({ status, outcome }: Entry): boolean =>
  outcome === "unknown" || status === 409 || status === 429;

/** As many as are due by the clock, so that a slow turn of this process is made up for. */
async function keepPace(perSecond: number, send: () => void, signal: AbortSignal): Promise<void> {
  if (perSecond === 0) return;
  const startedAt = performance.now();
  for (let sent = 0; !signal.aborted;) {
    const due = (atFullPace(performance.now() - startedAt) / 1_000) * perSecond;
    for (; sent < due; sent += 1) send();
    await rest(TICK_MS);
  }
}
