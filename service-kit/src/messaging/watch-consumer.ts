import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "./broker-session.ts";
import { declareQueue } from "./declare-topology.ts";

export const LOOK_EVERY_MS = 5_000;
/** Once may be a moment between two deliveries. */
const LOOKS = 2;

export interface QueueDepths {
  /** Those that no consumer has in hand. */
  readonly waiting: number;
  readonly dead: number;
}

export interface Watched {
  readonly queue: WorkQueue;
  readonly everyMs: number;
  /** How many messages have come so far. */
  readonly delivered: () => number;
  /** Nothing in hand: whatever waits in the queue should come. */
  readonly idle: () => boolean;
  readonly onLook: (depths: QueueDepths) => void;
}

/**
 * A broker can lose a consumer without a word (RabbitMQ 3.10 does, when a live queue is deleted and declared again at the wrong
 * moment). Connection and channel are well then, and nothing comes ever again: so the queue is looked at. It is declared again too: a binding that somebody has removed
 * makes no sound, and what is published meanwhile comes back to its publisher.
 */
export function watchConsumer(session: BrokerSession, watched: Watched): void {
  let delivered = watched.delivered();
  let looksInVain = 0;
  let looking = false;

  const look = async (): Promise<void> => {
    const isWaiting = watched.idle() && watched.delivered() === delivered;
    delivered = watched.delivered();
    await declareQueue(session, watched.queue);
    await session.inChannel(async (channel) => {
      const { messageCount, consumerCount } = await session.answered(
        channel.checkQueue(watched.queue.name),
      );
      const dead = await session.answered(channel.checkQueue(watched.queue.deadQueue));
      watched.onLook({ waiting: messageCount, dead: dead.messageCount });
      const isForgotten = consumerCount === 0 || (isWaiting && messageCount > 0);
      looksInVain = isForgotten ? looksInVain + 1 : 0;
    });
    if (looksInVain >= LOOKS) session.fail(new Error("the broker has forgotten a consumer"));
  };

  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: Error) => session.fail(error))
      .finally(() => (looking = false));
  }, watched.everyMs);
  session.onEnded(() => clearInterval(timer));
}
