import { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { QueueLook } from "@shop/service-kit/messaging/publisher";

/** Works on a connection of its own, which ends with the work. */
export async function withBroker<T>(
  url: string,
  work: (session: BrokerSession) => Promise<T>,
): Promise<T> {
  const session = await BrokerSession.open(url, "operations", new AbortController().signal);
  try {
    return await orEnd(session, work(session));
  } finally {
    await session.close();
  }
}

/** The broker says why in the reason of the end, and not to whoever waits for an answer. */
export function orEnd<T>(session: BrokerSession, work: Promise<T>): Promise<T> {
  const lost = session.ended.then((reason) => Promise.reject(reason));
  return Promise.race([work, lost]);
}

export async function lookAtQueue(session: BrokerSession, queue: string): Promise<QueueLook> {
  let look: QueueLook | undefined;
  await session.inChannel(async (channel) => {
    const { messageCount, consumerCount } = await session.answered(channel.checkQueue(queue));
    look = { messages: messageCount, consumers: consumerCount };
  });
  return look!;
}
