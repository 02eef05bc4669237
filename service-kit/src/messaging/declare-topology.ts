import {
  DEAD_DELIVERY_LIMIT,
  DEAD_EXCHANGE,
  DELIVERY_LIMIT,
  EVENTS_EXCHANGE,
  MAX_QUEUE_MESSAGES,
  type WorkQueue,
} from "@shop/contracts/topology";
import type { Channel } from "amqplib";
import type { BrokerSession } from "./broker-session.ts";

const PRECONDITION_FAILED = 406;

/**
 * Only where they are missing, as on a broker of somebody else's: ours have them from the start, and a service's account may not
 * declare them. Topic exchanges, since RabbitMQ checks routing keys on these alone: see broker-permissions.ts.
 */
export async function declareExchanges(session: BrokerSession): Promise<void> {
  for (const name of [EVENTS_EXCHANGE, DEAD_EXCHANGE]) {
    const objection = await session.objection((channel) => channel.checkExchange(name));
    if (objection === undefined) continue;
    await session.inChannel(async (channel) => {
      await session.answered(channel.assertExchange(name, "topic", { durable: true }));
    });
  }
}

/** A queue with its dead-letter queue and its bindings. By its consumer alone, which repeats it: that heals what somebody has removed. */
export async function declareQueue(session: BrokerSession, queue: WorkQueue): Promise<void> {
  // RabbitMQ 4 drops from one of an older version what was looked at 20 times.
  await unlessOlder(session, (channel) =>
    channel.assertQueue(queue.deadQueue, {
      durable: true,
      arguments: { ...BOUNDED, "x-delivery-limit": DEAD_DELIVERY_LIMIT },
    }),
  );
  await session.inChannel((channel) => declareWorkQueue(session, channel, queue));
}

const BOUNDED = {
  "x-queue-type": "quorum",
  "x-max-length": MAX_QUEUE_MESSAGES,
  // The publisher is refused and keeps the row; dropping the oldest would lose an order.
  "x-overflow": "reject-publish",
};

/** What an older version declared has other arguments, and does as well. */
async function unlessOlder(
  session: BrokerSession,
  declare: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  const objection = await session.objection(declare);
  const isOlder = (objection as { code?: unknown } | undefined)?.code === PRECONDITION_FAILED;
  if (objection && !isOlder) throw objection;
}

async function declareWorkQueue(
  session: BrokerSession,
  channel: Channel,
  queue: WorkQueue,
): Promise<void> {
  await session.answered(channel.bindQueue(queue.deadQueue, DEAD_EXCHANGE, queue.deadQueue));
  await session.answered(
    channel.assertQueue(queue.name, {
      durable: true,
      arguments: {
        ...BOUNDED,
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": queue.deadQueue,
        // The default may lose a dead letter on its way.
        "x-dead-letter-strategy": "at-least-once",
      },
    }),
  );
  for (const type of queue.types) {
    await session.answered(channel.bindQueue(queue.name, EVENTS_EXCHANGE, type));
  }
}
