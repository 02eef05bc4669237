import { randomUUIDv7 } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import type { EventData, EventType } from "@shop/contracts/event";
import { EVENTS_EXCHANGE } from "@shop/contracts/topology";
import { connect, type GetMessage } from "amqplib";

export interface HeardEvent<T extends EventType = EventType> {
  readonly id: string;
  readonly type: T;
  readonly requestId: string;
  readonly data: EventData<T>;
}

/** On a busy machine an event may be published twice: each of them once. */
export const eachOnce = <T extends HeardEvent>(heard: readonly T[]): T[] => [
  ...new Map(heard.map((event) => [event.id, event] as const)).values(),
];

export type BrokerClient = Awaited<ReturnType<typeof connectBroker>>;

/** A test's own client of the broker: publishes and receives events, and looks into queues. */
export async function connectBroker(url: string) {
  const connection = await connect(url);
  connection.on("error", () => undefined);
  const channel = await connection.createConfirmChannel();
  // A call on what does not exist closes its channel, so each look has one of its own.
  const look = async <T>(work: (own: typeof channel) => Promise<T>): Promise<T> => {
    const own = await connection.createConfirmChannel();
    own.on("error", () => undefined);
    try {
      return await work(own);
    } finally {
      await own.close().catch(() => undefined);
    }
  };

  return {
    /** Published as it stands, so that it may be anything. */
    async send(
      routingKey: string,
      content: string | Buffer,
      exchange: string = EVENTS_EXCHANGE,
    ): Promise<void> {
      channel.publish(exchange, routingKey, Buffer.from(content), { persistent: true });
      await channel.waitForConfirms();
    },

    async publish<T extends EventType>(
      type: T,
      data: EventData<T>,
      envelope: object = {},
    ): Promise<void> {
      await this.send(type, JSON.stringify(eventOf(type, data, envelope)));
    },

    /** Many events of one type, confirmed together. */
    async publishAll<T extends EventType>(type: T, all: readonly EventData<T>[]): Promise<void> {
      for (const data of all) {
        const content = Buffer.from(JSON.stringify(eventOf(type, data)));
        channel.publish(EVENTS_EXCHANGE, type, content, { persistent: true });
      }
      await channel.waitForConfirms();
    },

    /** The very same events again, ids and all, confirmed together. */
    async repeat(events: readonly HeardEvent[]): Promise<void> {
      for (const event of events) {
        const content = Buffer.from(JSON.stringify(event));
        channel.publish(EVENTS_EXCHANGE, event.type, content, { persistent: true });
      }
      await channel.waitForConfirms();
    },

    /** Collects, from now on, what is published under these types. */
    async receive<T extends EventType>(...types: T[]): Promise<HeardEvent<T>[]> {
      const heard: HeardEvent<T>[] = [];
      const own = await connection.createChannel();
      await own.assertExchange(EVENTS_EXCHANGE, "topic", { durable: true });
      const { queue } = await own.assertQueue("", { exclusive: true });
      for (const type of types) await own.bindQueue(queue, EVENTS_EXCHANGE, type);
      await own.consume(
        queue,
        (message) => message && heard.push(JSON.parse(message.content.toString())),
        {
          noAck: true,
        },
      );
      return heard;
    },

    /** Takes what comes to a queue, as its service would, or hangs with the first in hand. Gives back what ends it. */
    async takeFrom(queue: string, { hangs = false } = {}): Promise<() => Promise<void>> {
      const own = await connection.createChannel();
      if (hangs) await own.prefetch(1);
      await own.consume(queue, () => undefined, { noAck: !hangs });
      return () => own.close();
    },

    depth: (queue: string): Promise<number> =>
      look(async (own) => (await own.checkQueue(queue)).messageCount),
    purge: (queue: string) => look((own) => own.purgeQueue(queue)),
    deleteQueue: (queue: string) => look((own) => own.deleteQueue(queue)),
    unbind: (queue: string, type: string) =>
      look((own) => own.unbindQueue(queue, EVENTS_EXCHANGE, type)),

    /** Takes one message off a queue. */
    take: (queue: string): Promise<GetMessage | undefined> =>
      look(async (own) => (await own.get(queue, { noAck: true })) || undefined),

    /** Takes what comes to a queue for a while, as a consumer that was attached by mistake; returns how many. */
    steal: (queue: string, forMs: number): Promise<number> =>
      look(async (own) => {
        let stolen = 0;
        await own.consume(queue, (message) => void (message && (stolen += 1)), { noAck: true });
        await rest(forMs);
        return stolen;
      }),

    /** Takes everything off a queue, in order. */
    takeAll: (queue: string): Promise<GetMessage[]> =>
      look(async (own) => {
        const all: GetMessage[] = [];
        for (;;) {
          const message = await own.get(queue, { noAck: true });
          if (!message) return all;
          all.push(message);
        }
      }),

    close: () => connection.close(),
  };
}

export function eventOf<T extends EventType>(type: T, data: EventData<T>, envelope: object = {}) {
  return {
    id: randomUUIDv7(),
    type,
    version: 1,
    occurredAt: new Date().toISOString(),
    requestId: `test-${type}`,
    data,
    ...envelope,
  };
}
