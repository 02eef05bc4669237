import type { EventOf, EventType } from "@shop/contracts/event";
import { EVENTS_EXCHANGE, HINT_QUEUE_MAX_MESSAGES, HINT_TTL_MS } from "@shop/contracts/topology";
import type { EventLog, Logger } from "../log/logger.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";
import { decode } from "./delivery.ts";

export interface HintConsumerOptions<T extends EventType> {
  readonly name: string;
  readonly types: readonly T[];
  /** Must not throw for want of a cache: a hint that is lost costs freshness only. */
  readonly onHint: (event: EventOf<T>) => void;
  readonly log: Logger;
  readonly events: EventLog;
}

/**
 * Events that refresh a memory: each instance has a memory of its own, so each has an exclusive queue of its own, which
 * goes with its connection. No acks: a hint may be lost, since what it refreshes also ages.
 */
export function consumeHints<T extends EventType>(
  connection: BrokerConnection,
  options: HintConsumerOptions<T>,
): void {
  connection.onSession((session) => subscribe(session, options));
}

async function subscribe<T extends EventType>(
  session: BrokerSession,
  { name, types, onHint, log, events }: HintConsumerOptions<T>,
): Promise<void> {
  const channel = await session.channel();
  const { queue } = await session.answered(
    channel.assertQueue(`${name}.${crypto.randomUUID()}`, {
      exclusive: true,
      autoDelete: true,
      durable: false,
      messageTtl: HINT_TTL_MS,
      maxLength: HINT_QUEUE_MAX_MESSAGES,
    }),
  );
  for (const type of types) await session.answered(channel.bindQueue(queue, EVENTS_EXCHANGE, type));
  await session.answered(
    channel.consume(
      queue,
      (message) => {
        if (message === null) return session.fail(new Error("the broker cancelled a consumer"));
        const decoded = decode(message, types);
        if ("delivery" in decoded) {
          onHint(decoded.delivery.event);
          events.consumed([decoded.delivery.event]);
        } else {
          log.warn({ fault: decoded.fault }, "a hint was dropped");
        }
      },
      { noAck: true },
    ),
  );
}
