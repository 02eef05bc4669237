import { say } from "local-stack/terminal/say";
import { startLoad } from "../load/start-load.ts";
import type { Scenario, UseScenario } from "../scenario.ts";
import { ORDER_COLUMNS, REQUEST_COLUMNS } from "./columns.ts";
import { fillDatabases, FILLED } from "./fill-databases.ts";
import {
  ordersAtFixedRate,
  ordersAtSaturation,
  uncachedLists,
  uncachedProducts,
  type Run,
  type Stage,
} from "./loads.ts";
import { BIG_SCENARIOS, type BigScenarioName } from "./system-scenarios.ts";
import { inOwnSystem, prepare, withShop } from "./with-system-scenarios.ts";

const EMPTY = "empty";
const FULL = `${FILLED.orders.toLocaleString("en-US")} orders in place`;

const LOADS: Record<BigScenarioName, { kind: "orders" | "requests"; run: (stage: Stage) => Run }> =
  {
    "big-orders": { kind: "orders", run: ordersAtSaturation },
    "big-orders-1000": { kind: "orders", run: ordersAtFixedRate },
    "big-lists": { kind: "requests", run: uncachedLists },
    "big-product-reads": { kind: "requests", run: uncachedProducts },
  };

/** Two systems at once, taking turns: an hour's drift of the machine meets both. */
export async function withBigSystems(
  names: readonly BigScenarioName[],
  seconds: number,
  use: UseScenario,
): Promise<void> {
  const load = startLoad();
  const inBoth = (
    work: (empty: Stage, full: Stage, signal: AbortSignal) => Promise<void>,
  ): Promise<void> =>
    inOwnSystem((emptySystem) =>
      inOwnSystem((fullSystem, signal) =>
        withShop(emptySystem, load, (emptyShop) =>
          withShop(fullSystem, load, async (fullShop) => {
            say(`Writing ${FULL.replace(" in place", "")} into one of them.`);
            await fillDatabases(fullShop);
            const empty = await prepare(emptyShop, seconds, signal);
            await work(empty, await prepare(fullShop, seconds, signal), signal);
          }),
        ),
      ),
    );
  try {
    await inBoth(async (empty, full, signal) => {
      for (const name of names) await use(bigScenario(name, empty, full), signal);
    });
  } finally {
    load.stop();
  }
}

function bigScenario(name: BigScenarioName, empty: Stage, full: Stage): Scenario {
  const { kind, run } = LOADS[name];
  const rate = kind === "orders" ? "settledPerSecond" : "perSecond";
  return {
    name,
    ...BIG_SCENARIOS[name],
    columns: kind === "orders" ? ORDER_COLUMNS : REQUEST_COLUMNS,
    ratios: [
      { key: rate, title: "rate, ratio", to: EMPTY },
      { key: "p95Ms", title: "p95, ratio", to: EMPTY },
      { key: "cpuPrograms", title: "CPU, ratio", to: EMPTY },
    ],
    contenders: [
      { name: EMPTY, run: run(empty) },
      { name: FULL, run: run(full) },
    ],
    leftOut: [],
  };
}
