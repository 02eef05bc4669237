import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import { say } from "local-stack/terminal/say";
import { lookAtQueue } from "../broker.ts";
import { counted, duration, shortened } from "../words.ts";
import { goThrough, NONE } from "./go-through.ts";
import { readLetter, type Letter } from "./letter.ts";

const MOST_FAULT = 160;
const MOST_FIELD = 80;

/** Each dead queue with its count and the first that are in it. */
export async function listDead(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { limit, stop }: { limit: number; stop: AbortSignal },
): Promise<number> {
  for (const queue of queues) {
    const { messages } = await lookAtQueue(session, queue.deadQueue);
    say(`${queue.deadQueue}: ${counted(messages, "message")}`);
    await goThrough(session, {
      queue: queue.deadQueue,
      most: limit,
      stop,
      work: async (window) => {
        for (const message of window) say(lineOf(readLetter(message, queue), Date.now()));
        return NONE;
      },
    });
    if (messages > limit) say(`  … and ${messages - limit} more (--limit ${messages})`);
  }
  return 0;
}

export function lineOf(letter: Letter, now: number): string {
  const { id, type, orderId, requestId, routingKey, diedAt, reason, fault, timesReplayed } = letter;
  const field = (text: string): string => shortened(text, MOST_FIELD);
  const about = [
    type ?? "not readable",
    orderId && `order ${orderId}`,
    requestId && `request ${field(requestId)}`,
    routingKey && routingKey !== type && `told as ${field(routingKey)}`,
    diedAt ? `died ${duration(now - diedAt.getTime())} ago` : "since when is unknown",
    reason && `(${field(reason)})`,
    timesReplayed > 0 && `put back ${counted(timesReplayed, "time")} before`,
  ].filter(Boolean);
  const why = fault ?? "can be read: the service's log line with this messageId says why";
  return `  ${field(id)}  ${about.join(", ")}\n    ${shortened(why, MOST_FAULT)}`;
}
