import {
  DEAD_DELIVERY_LIMIT,
  DEAD_EXCHANGE,
  DELIVERY_LIMIT,
  EVENTS_EXCHANGE,
  MAX_QUEUE_MESSAGES,
  WORK_QUEUES,
  type WorkQueue,
} from "@shop/contracts/topology";
import type { Channel } from "amqplib";
import type { BrokerSession } from "./broker-session.ts";

/** Declares all of it, whoever starts first. Harmless when repeated; also what heals a deleted queue or binding. */
export async function declareTopology(session: BrokerSession): Promise<void> {
  await session.inChannel(async (channel) => {
    await session.answered(channel.assertExchange(EVENTS_EXCHANGE, "topic", { durable: true }));
    await session.answered(channel.assertExchange(DEAD_EXCHANGE, "direct", { durable: true }));
    for (const queue of WORK_QUEUES) await declareWorkQueue(session, channel, queue);
  });
}

async function declareWorkQueue(
  session: BrokerSession,
  channel: Channel,
  queue: WorkQueue,
): Promise<void> {
  const bounded = {
    "x-queue-type": "quorum",
    "x-max-length": MAX_QUEUE_MESSAGES,
    // The publisher hears "no" and keeps the row; dropping the oldest would lose an order.
    "x-overflow": "reject-publish",
  };
  await session.answered(
    channel.assertQueue(queue.deadQueue, {
      durable: true,
      arguments: { ...bounded, "x-delivery-limit": DEAD_DELIVERY_LIMIT },
    }),
  );
  await session.answered(channel.bindQueue(queue.deadQueue, DEAD_EXCHANGE, queue.deadQueue));
  await session.answered(
    channel.assertQueue(queue.name, {
      durable: true,
      arguments: {
        ...bounded,
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
