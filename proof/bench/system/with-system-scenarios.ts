import { withOwnSystem, type OwnSystem } from "local-stack/launcher/own-system";
import { say } from "local-stack/terminal/say";
import { startLoad, type Load } from "../start-load.ts";
import type { UseScenario } from "../measure.ts";
import { cachedProducts, mixed, ordersAtSaturation, type Stage } from "./loads.ts";
import { openShop, type Shop } from "./shop.ts";
import { createProducts, placeFirstOrders } from "./shop.ts";
import { systemScenario } from "./scenarios.ts";
import type { SystemScenarioName } from "./scenarios.ts";

const PRODUCTS = 20;
/** After it little is left to compile: orders of the first ten seconds cost up to a half more than later ones. A short trial has less. */
const ORDERS_WARM_UP_S = 30;
const WARM_UP_S = 3;

export async function withSystemScenarios(
  names: readonly SystemScenarioName[],
  seconds: number,
  use: UseScenario,
): Promise<void> {
  const load = startLoad();
  try {
    await inOwnSystem(async (system, signal) => {
      await withShop(system, load, async (shop) => {
        const stage = await prepare(shop, seconds, signal);
        for (const name of names) await use(systemScenario(name, stage), signal);
      });
    });
  } finally {
    load.stop();
  }
}

/** That requests wait under full load is no news for the terminal. */
const settings = { SLOW_REQUEST_MS: "60000" };

/** Throws what went wrong inside, which the launcher would only tell. */
export async function inOwnSystem(
  work: (system: OwnSystem, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  let failure: unknown = new Error("The system did not run.");
  await withOwnSystem(
    async (system, signal) => {
      try {
        await work(system, signal);
        failure = undefined;
        return 0;
      } catch (error) {
        failure = error;
        return 1;
      }
    },
    { settings },
  );
  if (failure !== undefined) throw failure;
}

export async function withShop(
  system: OwnSystem,
  load: Load,
  work: (shop: Shop) => Promise<void>,
): Promise<void> {
  const shop = openShop(system, load);
  try {
    await work(shop);
  } finally {
    await shop.close();
  }
}

/** Products with orders, and every kind of request often enough that the first round is like the others. */
export async function prepare(shop: Shop, seconds: number, signal: AbortSignal): Promise<Stage> {
  say("Warming up.");
  const productIds = await createProducts(shop, PRODUCTS);
  await placeFirstOrders(shop, productIds);
  const warm = { shop, productIds, seconds: Math.min(seconds, WARM_UP_S) };
  const orders = { ...warm, seconds: Math.min(3 * seconds, ORDERS_WARM_UP_S) };
  for (const run of [ordersAtSaturation(orders), cachedProducts(warm), mixed(warm)]) {
    await run(signal);
  }
  return { shop, productIds, seconds };
}
