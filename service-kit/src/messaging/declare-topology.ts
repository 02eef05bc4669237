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

const PRECONDITION_FAILED = 406;

/** Declares all of it, whoever starts first. Harmless when repeated; also what heals a deleted queue or binding. */
export async function declareTopology(session: BrokerSession): Promise<void> {
  await session.inChannel(async (channel) => {
    await session.answered(channel.assertExchange(EVENTS_EXCHANGE, "topic", { durable: true }));
    await session.answered(channel.assertExchange(DEAD_EXCHANGE, "direct", { durable: true }));
    for (const queue of WORK_QUEUES) {
      await declareDeadQueue(session, queue.deadQueue);
      await declareWorkQueue(session, channel, queue);
    }
  });
}

const BOUNDED = {
  "x-queue-type": "quorum",
  "x-max-length": MAX_QUEUE_MESSAGES,
  // The publisher hears "no" and keeps the row; dropping the oldest would lose an order.
  "x-overflow": "reject-publish",
};

/** One of an older version has other arguments and does as well: only RabbitMQ 4 drops from it what was looked at 20 times. */
async function declareDeadQueue(session: BrokerSession, name: string): Promise<void> {
  const settings = { ...BOUNDED, "x-delivery-limit": DEAD_DELIVERY_LIMIT };
  const objection = await session.objection((channel) =>
    channel.assertQueue(name, { durable: true, arguments: settings }),
  );
  const isOld = (objection as { code?: unknown } | undefined)?.code === PRECONDITION_FAILED;
  if (objection && !isOld) throw objection;
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
