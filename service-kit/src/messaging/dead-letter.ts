import type { WorkQueue } from "@shop/contracts/topology";
import type { Channel, ConsumeMessage } from "amqplib";
import type { Logger } from "../log/logger.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { ConsumerObserver } from "./handle-batch.ts";

/** A message that goes to the dead queue, and why. */
interface DeadLetter {
  readonly message: ConsumeMessage;
  readonly fault: string;
  readonly err?: unknown;
}

/** Never logs what is in it: nobody knows that it is fit for a log. */
export function deadLetter(
  { session, channel }: { readonly session: BrokerSession; readonly channel: Channel },
  { queue, log, observer }: { queue: WorkQueue; log: Logger; observer: ConsumerObserver },
  { message, fault, err }: DeadLetter,
): void {
  if (!session.isAlive) return;
  channel.reject(message, false);
  observer.buried();
  const { messageId } = message.properties;
  log.error(
    { fault, messageId, deadQueue: queue.deadQueue, ...(err !== undefined && { err }) },
    "a message went to the dead queue",
  );
}
