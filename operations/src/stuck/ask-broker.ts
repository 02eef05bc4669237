import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE, WORK_QUEUES } from "@shop/contracts/topology";
import { within } from "@shop/service-kit/async/limited-wait";
import type { QueueLook } from "@shop/service-kit/messaging/publisher";
import { lookAtQueue, withBroker } from "../broker.ts";

const CONFIRM_LIMIT_MS = 2_000;

export interface BrokerFacts {
  /** It is there and takes no messages: a memory or disk alarm. */
  readonly blocked: boolean;
  readonly created: QueueLook;
  readonly updated: QueueLook;
  /** By dead queue. */
  readonly dead: ReadonlyMap<string, number>;
}

export async function askBroker(url: string): Promise<BrokerFacts> {
  const looks = await withBroker(url, async (session) => {
    const dead = new Map<string, number>();
    for (const { deadQueue } of WORK_QUEUES) {
      dead.set(deadQueue, (await lookAtQueue(session, deadQueue)).messages);
    }
    return {
      created: await lookAtQueue(session, ORDER_CREATED_QUEUE.name),
      updated: await lookAtQueue(session, ORDER_UPDATED_QUEUE.name),
      dead,
    };
  });
  return { ...looks, blocked: await takesNoMessages(url) };
}

/**
 * A broker with an alarm takes the first message on a connection, and then reads nothing more from it: so there is one for this
 * alone. The messages are for no queue, and are dropped.
 */
function takesNoMessages(url: string): Promise<boolean> {
  return withBroker(url, async (session) => {
    const channel = await session.confirmChannel();
    for (let message = 0; message < 2; message += 1) {
      channel.publish("", "operations.nobody", Buffer.alloc(0));
      const confirmed = channel.waitForConfirms();
      const isTaken = await within(CONFIRM_LIMIT_MS, confirmed, () => new Error("none")).then(
        () => true,
        () => false,
      );
      if (!isTaken) return true;
    }
    return false;
  });
}
