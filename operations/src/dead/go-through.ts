import { setTimeout as rest } from "node:timers/promises";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { Channel, ConsumeMessage } from "amqplib";
import { say } from "local-stack/terminal/say";
import { orEnd } from "../broker.ts";

/** Bodies of so many are in memory at a time: one of ours has 1 kB, but a stranger's may have megabytes. */
const FIRST_WINDOW = 100;
/** While bodies are small: the broker takes ever longer to give back what very many windows have held. */
const WIDE_WINDOW = 1_000;
const SMALL_WINDOW_BYTES = 4_000_000;
const ACKS_AT_ONCE = 20;
const LOOK_AGAIN_MS = 50;
/** They return by themselves, when somebody else takes them meanwhile there are less. */
const GIVE_BACK_LIMIT_MS = 60_000;
/** What does not come within it was taken by somebody else. */
const QUIET_MS = 1_000;

export interface Visit {
  readonly queue: string;
  /** It ends after so many, at what was there at its start, or when `work` has seen enough. */
  readonly most: number;
  readonly stop?: AbortSignal;
  /** Tells which of these may go for good: what is to come of them is safe by then. The others stay in the queue. */
  readonly work: (window: readonly ConsumeMessage[]) => Promise<Verdict>;
}

export interface Verdict {
  readonly settled: readonly ConsumeMessage[];
  readonly enough?: boolean;
}

export const NONE: Verdict = { settled: [] };

/**
 * Goes through a queue, a window at a time; hands back how many it has seen. Nothing is lost wherever it dies: what is not
 * acknowledged returns by itself. What stays is held until the end, and then returned, in another order where it was many.
 */
export async function goThrough(session: BrokerSession, visit: Visit): Promise<number> {
  let seen = 0;
  let held = 0;
  let mostAtOnce = FIRST_WINDOW;
  await session.inChannel(async (channel) => {
    const { messageCount } = await session.answered(channel.checkQueue(visit.queue));
    const most = Math.min(visit.most, messageCount);
    while (seen < most && !visit.stop?.aborted) {
      const size = Math.min(mostAtOnce, most - seen);
      const window = await takeWindow(session, channel, { queue: visit.queue, size });
      if (window.length === 0) break;
      const { settled, enough = false } = await visit.work(window);
      seen += window.length;
      mostAtOnce = bytesOf(window) < SMALL_WINDOW_BYTES ? WIDE_WINDOW : FIRST_WINDOW;
      held += window.length - settled.length;
      if (held === 0) channel.ack(window.at(-1)!, true);
      else await acknowledge(session, channel, { queue: visit.queue, messages: settled });
      if (enough) break;
    }
    await giveBack(session, channel, { queue: visit.queue, held });
  });
  return seen;
}

const bytesOf = (window: readonly ConsumeMessage[]): number =>
  window.reduce((sum, { content }) => sum + content.length, 0);

/** Done when they are there again: of 100,000 that may take the broker half a minute, and whoever looks meanwhile would find none. */
async function giveBack(
  session: BrokerSession,
  channel: Channel,
  { queue, held }: { queue: string; held: number },
): Promise<void> {
  channel.nackAll(true);
  const end = performance.now() + GIVE_BACK_LIMIT_MS;
  while (performance.now() < end) {
    const { messageCount } = await session.answered(channel.checkQueue(queue));
    if (messageCount >= held) return;
    await rest(LOOK_AGAIN_MS);
  }
  say(
    `The broker is still giving back what was looked at in ${queue}. None is lost; wait before the next look.`,
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

/** A consumer for each window: the one before has its hands full, and takes no more. */
async function takeWindow(
  session: BrokerSession,
  channel: Channel,
  { queue, size }: { queue: string; size: number },
): Promise<ConsumeMessage[]> {
  const window: ConsumeMessage[] = [];
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const quiet = setTimeout(end, QUIET_MS);
  try {
    await session.answered(channel.prefetch(size));
    const take = (message: ConsumeMessage | null): void => {
      if (message === null) return session.fail(new Error(`${queue} was deleted`));
      window.push(message);
      if (window.length === size) end();
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
