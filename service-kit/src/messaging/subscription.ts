import type { EventType } from "@shop/contracts/event";
import type { Channel, ConsumeMessage } from "amqplib";
import type { BrokerSession } from "./broker-session.ts";
import { newestOf, type Delivery } from "./delivery.ts";
import type { SetAside } from "./set-aside.ts";

/** A consumer on one session: what has come and is not yet settled. */
export interface Subscription<T extends EventType> {
  readonly session: BrokerSession;
  readonly channel: Channel;
  readonly tag: string;
  readonly waiting: ConsumeMessage[];
  readonly aside: SetAside<Delivery<T>>;
}

export const hasWork = ({ waiting, aside }: Subscription<EventType>): boolean =>
  waiting.length > 0 || aside.hasDue;

/** Parsing goes on in one piece: of the worst 256 kB (deep nesting) some 50 ms, and a batch of those for longer than a heartbeat. */
const MOST_BYTES_IN_BATCH = 1_048_576;

export function takeMessages({ waiting }: Subscription<EventType>, most: number): ConsumeMessage[] {
  let [count, bytes] = [0, 0];
  while (count < Math.min(most, waiting.length) && bytes < MOST_BYTES_IN_BATCH) {
    bytes += waiting[count]!.content.length;
    count += 1;
  }
  return waiting.splice(0, count);
}

export function ackHandled<T extends EventType>(
  { session, channel, aside }: Subscription<T>,
  handled: readonly Delivery<T>[],
): void {
  if (aside.isEmpty) {
    // Everything before the last one on this channel is settled, so one ack serves the batch.
    channel.ack(newestOf(handled).message, true);
  } else {
    session.packTogether();
    for (const { message } of handled) channel.ack(message);
  }
}
