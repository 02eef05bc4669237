import type { Contender, Ratio, Scenario } from "../scenario.ts";
import { ORDER_COLUMNS, REQUEST_COLUMNS } from "./columns.ts";
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
import { SYSTEM_SCENARIOS, type SystemScenarioName } from "./system-scenarios.ts";

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
        "at order-service": ordersAtSaturation(stage, stage.shop.orderService),
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
