import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE, WORK_QUEUES } from "@shop/contracts/topology";
import { within } from "@shop/service-kit/async/limited-wait";
import type { Addresses } from "../config.ts";
import {
  ask,
  askDatabase,
  queueState,
  withBroker,
  type Asked,
  type QueueState,
} from "../connections.ts";
import { readMessage } from "../dead-letters/message.ts";
import { KEEP_ALL, visitQueue } from "../dead-letters/visit-queue.ts";
import {
  countPending,
  findDecisions,
  findLockHolder,
  findPending,
  findUnpublished,
  type Decision,
  type LockHolder,
  type StuckOrder,
} from "./database.sql.ts";

export const COUNTED_TO = 100_000;
/** Of each dead-letter queue. `npm run dead-letters` looks further. */
export const DEAD_LETTERS_READ = 1_000;
/** The longest that the services wait for a lock. */
const LOCKED_FOR_S = 5;
const CONFIRM_LIMIT_MS = 2_000;

/** What the orders' database says: without it there is nothing to report. */
export interface OrderFacts {
  readonly orders: readonly StuckOrder[];
  readonly count: number;
  /** By order: the id of its `order.created` in the outbox. */
  readonly unpublished: ReadonlyMap<string, string>;
  readonly lockHolder: LockHolder | undefined;
}

interface ProductFacts {
  readonly decisions: ReadonlyMap<string, Decision>;
  /** By order: the id of its `order.updated` in the outbox. */
  readonly unpublished: ReadonlyMap<string, string>;
  readonly lockHolder: LockHolder | undefined;
}

interface BrokerFacts {
  /** It is there and accepts no messages: a memory or disk alarm. */
  readonly blocked: boolean;
  readonly created: QueueState;
  readonly updated: QueueState;
  /** By dead-letter queue: its messages. */
  readonly deadLettered: ReadonlyMap<string, number>;
}

/** By order: the dead-letter queue that has one of its messages, and that message's id. */
type DeadLetteredOrders = ReadonlyMap<string, { readonly queue: string; readonly id: string }>;

export interface Facts {
  readonly orders: OrderFacts;
  readonly products: Asked<ProductFacts>;
  readonly broker: Asked<BrokerFacts>;
  readonly deadLettered: Asked<DeadLetteredOrders>;
}

export const askOrders = (
  url: string,
  { olderThanS, limit }: { olderThanS: number; limit: number },
): Promise<OrderFacts> =>
  askDatabase(url, async (client) => {
    const orders = await findPending(client, { olderThanS, most: limit });
    const orderIds = orders.map(({ id }) => id);
    return {
      orders,
      count: await countPending(client, { olderThanS, most: COUNTED_TO }),
      unpublished: await findUnpublished(client, { type: "order.created", orderIds }),
      lockHolder: await findLockHolder(client, { table: "orders", lockedForS: LOCKED_FOR_S }),
    };
  });

/** A part that cannot be asked hides nothing of the others. */
export async function askTheRest(orders: OrderFacts, addresses: Addresses): Promise<Facts> {
  const orderIds = orders.orders.map(({ id }) => id);
  const [products, broker] = await Promise.all([
    ask(() => askProducts(addresses.productDb, orderIds)),
    ask(() => askBroker(addresses.rabbitmq)),
  ]);
  // After the counts: messages that are read are missing there meanwhile.
  const deadLettered = await ask(() =>
    findDeadLetteredOrders(addresses.rabbitmq, new Set(orderIds)),
  );
  return { orders, products, broker, deadLettered };
}

const askProducts = (url: string, orderIds: readonly string[]): Promise<ProductFacts> =>
  askDatabase(url, async (client) => ({
    decisions: await findDecisions(client, orderIds),
    unpublished: await findUnpublished(client, { type: "order.updated", orderIds }),
    lockHolder: await findLockHolder(client, { table: "products", lockedForS: LOCKED_FOR_S }),
  }));

export async function askBroker(url: string): Promise<BrokerFacts> {
  const states = await withBroker(url, async (session) => {
    const deadLettered = new Map<string, number>();
    for (const { deadQueue } of WORK_QUEUES) {
      deadLettered.set(deadQueue, (await queueState(session, deadQueue)).messages);
    }
    return {
      created: await queueState(session, ORDER_CREATED_QUEUE.name),
      updated: await queueState(session, ORDER_UPDATED_QUEUE.name),
      deadLettered,
    };
  });
  return { ...states, blocked: await isBlocked(url) };
}

/**
 * A broker with an alarm accepts the first message on a connection, and then reads nothing more from it: so this has a connection
 * of its own. The messages are for no queue, and are dropped.
 */
const isBlocked = (url: string): Promise<boolean> =>
  withBroker(url, async (session) => {
    const channel = await session.confirmChannel();
    for (let message = 0; message < 2; message += 1) {
      channel.publish("", "operations.no-queue", Buffer.alloc(0));
      const confirm = channel.waitForConfirms();
      const isConfirmed = await within(CONFIRM_LIMIT_MS, confirm, () => new Error("none")).then(
        () => true,
        () => false,
      );
      if (!isConfirmed) return true;
    }
    return false;
  });

/** Looks through the dead-letter queues for messages about these orders, and leaves all of them there. */
function findDeadLetteredOrders(
  url: string,
  orderIds: ReadonlySet<string>,
): Promise<DeadLetteredOrders> {
  return withBroker(url, async (session) => {
    const found = new Map<string, { queue: string; id: string }>();
    for (const queue of orderIds.size > 0 ? WORK_QUEUES : []) {
      await visitQueue(session, {
        queue: queue.deadQueue,
        most: DEAD_LETTERS_READ,
        work: async (window) => {
          for (const message of window) {
            const { id, orderId } = readMessage(message, queue);
            const wanted = orderId !== undefined && orderIds.has(orderId);
            if (wanted) found.set(orderId, { queue: queue.deadQueue, id });
          }
          return KEEP_ALL;
        },
      });
    }
    return found;
  });
}
