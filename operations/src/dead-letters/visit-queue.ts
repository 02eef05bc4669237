import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { Channel, ConsumeMessage } from "amqplib";
import { orEnd } from "../connections.ts";
import { print } from "../output.ts";

/** Bodies in memory at a time: ours have 1 kB, but a foreign one may have megabytes. */
const FIRST_WINDOW = 100;
/** While bodies are small: the more windows, the longer the broker takes to return what they locked. */
const WIDE_WINDOW = 1_000;
const SMALL_WINDOW_BYTES = 4_000_000;
const ACKS_AT_ONCE = 20;
const CHECK_EVERY_MS = 50;
/** When another consumer takes some meanwhile, the count stays lower. */
const RETURN_LIMIT_MS = 60_000;
/** What does not come within it was taken by another consumer. */
const QUIET_MS = 1_000;

export interface Visit {
  readonly queue: string;
  /** It ends after so many, at what was there at its start, or when `work` has seen enough. */
  readonly most: number;
  readonly stop?: AbortSignal;
  /** Returns which of these may be removed: what replaces them is safe by then. The others stay in the queue. */
  readonly work: (window: readonly ConsumeMessage[]) => Promise<Verdict>;
}

interface Verdict {
  readonly remove: readonly ConsumeMessage[];
  readonly enough?: boolean;
}

export const KEEP_ALL: Verdict = { remove: [] };

/**
 * Goes through a queue, a window at a time. Nothing is lost wherever it dies: what is not acknowledged returns by itself. What
 * stays is returned at the end, in another order where it was many.
 */
export async function visitQueue(session: BrokerSession, visit: Visit): Promise<void> {
  let seen = 0;
  let kept = 0;
  let size = FIRST_WINDOW;
  await session.inChannel(async (channel) => {
    const { messageCount } = await session.answered(channel.checkQueue(visit.queue));
    const most = Math.min(visit.most, messageCount);
    while (seen < most && !visit.stop?.aborted) {
      const limit = Math.min(size, most - seen);
      const window = await takeWindow(session, channel, { queue: visit.queue, limit });
      if (window.length === 0) break;
      const { remove, enough = false } = await visit.work(window);
      seen += window.length;
      size = bytesOf(window) < SMALL_WINDOW_BYTES ? WIDE_WINDOW : FIRST_WINDOW;
      kept += window.length - remove.length;
      if (kept === 0) channel.ack(window.at(-1)!, true);
      else await acknowledge(session, channel, { queue: visit.queue, messages: remove });
      if (enough) break;
    }
    await returnAll(session, channel, { queue: visit.queue, kept });
  });
}

const bytesOf = (window: readonly ConsumeMessage[]): number =>
  window.reduce((sum, { content }) => sum + content.length, 0);

/** Waits until they are there again: for 100,000 the broker may take half a minute, and a second look would find none. */
async function returnAll(
  session: BrokerSession,
  channel: Channel,
  { queue, kept }: { queue: string; kept: number },
): Promise<void> {
  channel.nackAll(true);
  const end = performance.now() + RETURN_LIMIT_MS;
  while (performance.now() < end) {
    const { messageCount } = await session.answered(channel.checkQueue(queue));
    if (messageCount >= kept) return;
    await sleep(CHECK_EVERY_MS);
  }
  print(
    `The broker is still returning messages to ${queue}. None is lost; wait before you look again.`,
  );
}

/**
 * One by one, but not too many at once: a channel keeps back what is above 32 on its way to a quorum queue, and forgets it when it
 * is closed. The message would be there once more.
 */
async function acknowledge(
  session: BrokerSession,
  channel: Channel,
  { queue, messages }: { queue: string; messages: readonly ConsumeMessage[] },
): Promise<void> {
  for (let first = 0; first < messages.length; first += ACKS_AT_ONCE) {
    for (const message of messages.slice(first, first + ACKS_AT_ONCE)) channel.ack(message);
    await session.answered(channel.checkQueue(queue));
  }
}

/** A consumer for each window: the one before has reached its prefetch, and gets no more. */
async function takeWindow(
  session: BrokerSession,
  channel: Channel,
  { queue, limit }: { queue: string; limit: number },
): Promise<ConsumeMessage[]> {
  const window: ConsumeMessage[] = [];
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const quiet = setTimeout(end, QUIET_MS);
  try {
    await session.answered(channel.prefetch(limit));
    const take = (message: ConsumeMessage | null): void => {
      if (message === null) return session.fail(new Error(`${queue} was deleted`));
      window.push(message);
      if (window.length === limit) end();
      else quiet.refresh();
    };
    const { consumerTag } = await session.answered(channel.consume(queue, take));
    await orEnd(session, over);
    await session.answered(channel.cancel(consumerTag));
    return window;
  } finally {
    clearTimeout(quiet);
  }
}
