import type { WorkQueue } from "@shop/contracts/topology";
import { within } from "@shop/service-kit/async/limited-wait";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { ConfirmChannel, ConsumeMessage, Options } from "amqplib";
import { orEnd } from "../connections.ts";
import { counted, print } from "../output.ts";
import { REPLAYED_HEADER, timesReplayed, type Selection } from "./message.ts";
import { visitQueue } from "./visit-queue.ts";

const CONFIRM_LIMIT_MS = 10_000;

/**
 * Puts messages back on their work queue. A dead-lettered message is removed only when the broker has confirmed the new one: killed
 * in between, there are both, and consumers apply a message once however often it comes.
 */
export async function replay(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { selection, stop }: { selection: Selection; stop: AbortSignal },
): Promise<void> {
  const publisher = await openPublisher(session);
  for (const queue of queues) {
    const count = { replayed: 0, again: 0, most: 0 };
    try {
      await visitQueue(session, {
        queue: queue.deadQueue,
        most: Infinity,
        stop,
        work: async (window) => {
          const selected = selection.of(window);
          await publisher.publish(queue.name, selected);
          const before = selected.map(timesReplayed).filter((times) => times > 0);
          count.replayed += selected.length;
          count.again += before.length;
          count.most = Math.max(count.most, ...before);
          return { remove: selected };
        },
      });
    } finally {
      // Also when the broker has gone away in the middle.
      printCount(queue, count);
    }
  }
}

function printCount({ name }: WorkQueue, count: { replayed: number; again: number; most: number }) {
  if (count.replayed === 0) return;
  print(`${counted(count.replayed, "message")} put back on ${name}.`);
  if (count.again === 0) return;
  print(
    `  ${count.again} of them had been replayed before (one ${counted(count.most, "time")}), and were dead-lettered again.` +
      " If that happens once more, the cause is still there: npm run dead-letters -- show ID.",
  );
}

/** What it has published is on the queue for sure, and on disk. */
export async function openPublisher(session: BrokerSession) {
  const channel = await session.confirmChannel();
  let returned = 0;
  channel.on("return", () => (returned += 1));
  return {
    async publish(queue: string, messages: readonly ConsumeMessage[]): Promise<void> {
      if (messages.length === 0) return;
      session.packTogether();
      const all = Promise.all(messages.map((message) => confirmed(channel, queue, message)));
      await orEnd(session, within(CONFIRM_LIMIT_MS, all, noConfirm));
      // The broker sends the return before the confirm, on the same channel.
      if (returned > 0)
        throw new Error(`There is no queue ${queue}. Start its service, then replay again.`);
    },
  };
}

const noConfirm = (): Error =>
  new Error(
    "The broker accepts no messages at present (a memory or disk alarm?). Nothing is lost; try again later.",
  );

const confirmed = (channel: ConfirmChannel, queue: string, message: ConsumeMessage) =>
  new Promise<void>((resolve, reject) => {
    channel.publish("", queue, message.content, optionsOf(message), (refusal: unknown) => {
      if (refusal) reject(new Error(`${queue} is full. Nothing is lost.`));
      else resolve();
    });
  });

/** Written by the broker at a delivery or a death, or taken by it as more addresses (CC, BCC). */
const NOT_REPLAYED = /^(x-delivery-count|x-acquired-count|CC|BCC|x-death|x-(first|last)-death-.*)$/;

/** As it was published, with a count of its replays. */
function optionsOf(message: ConsumeMessage): Options.Publish {
  // The broker refuses the user id of another user.
  const {
    headers = {},
    userId: _userId,
    clusterId: _clusterId,
    ...properties
  } = message.properties;
  const kept = Object.entries(headers).filter(([name]) => !NOT_REPLAYED.test(name));
  return {
    ...properties,
    headers: { ...Object.fromEntries(kept), [REPLAYED_HEADER]: timesReplayed(message) + 1 },
    persistent: true,
    mandatory: true,
  };
}
