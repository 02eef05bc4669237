import { findDeadOrders, type DeadOrders } from "./dead-orders.ts";
import type { Addresses } from "../addresses.ts";
import { ask, type Asked } from "../asked.ts";
import { askDatabase } from "../ask-database.ts";
import { askBroker, type BrokerFacts } from "./ask-broker.ts";
import {
  countPending,
  findDecisions,
  findHolder,
  findPending,
  findUntold,
  type Decision,
  type Holder,
  type StuckOrder,
} from "./database.sql.ts";

export const COUNTED_TO = 100_000;
/** As long as the longest wait for a lock that the services allow themselves. */
const HELD_FOR_S = 5;

/** What the orders' database tells: without it there is nothing to say. */
export interface OrderFacts {
  readonly orders: readonly StuckOrder[];
  readonly count: number;
  /** By order: the id of its `order.created` that nobody has been told yet. */
  readonly untold: ReadonlyMap<string, string>;
  readonly holder: Holder | undefined;
}

export interface ProductFacts {
  readonly decisions: ReadonlyMap<string, Decision>;
  /** By order: the id of its `order.updated` that nobody has been told yet. */
  readonly untold: ReadonlyMap<string, string>;
  readonly holder: Holder | undefined;
}

export interface Facts {
  readonly orders: OrderFacts;
  readonly products: Asked<ProductFacts>;
  readonly broker: Asked<BrokerFacts>;
  readonly dead: Asked<DeadOrders>;
}

export function askOrders(
  url: string,
  { olderThanS, limit }: { olderThanS: number; limit: number },
): Promise<OrderFacts> {
  return askDatabase(url, async (client) => {
    const orders = await findPending(client, { olderThanS, most: limit });
    const orderIds = orders.map(({ id }) => id);
    return {
      orders,
      count: await countPending(client, { olderThanS, most: COUNTED_TO }),
      untold: await findUntold(client, { type: "order.created", orderIds }),
      holder: await findHolder(client, { table: "orders", heldForS: HELD_FOR_S }),
    };
  });
}

/** One part that can't be asked hides nothing of the others. */
export async function askTheRest(orders: OrderFacts, addresses: Addresses): Promise<Facts> {
  const orderIds = orders.orders.map(({ id }) => id);
  const [products, broker] = await Promise.all([
    ask(() => askProducts(addresses.productDb, orderIds)),
    ask(() => askBroker(addresses.rabbitmq)),
  ]);
  // After the counts: while it looks at messages they are missing there.
  const dead = await ask(() => findDeadOrders(addresses.rabbitmq, new Set(orderIds)));
  return { orders, products, broker, dead };
}

function askProducts(url: string, orderIds: readonly string[]): Promise<ProductFacts> {
  return askDatabase(url, async (client) => ({
    decisions: await findDecisions(client, orderIds),
    untold: await findUntold(client, { type: "order.updated", orderIds }),
    holder: await findHolder(client, { table: "products", heldForS: HELD_FOR_S }),
  }));
}
