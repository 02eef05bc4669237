import { isUtf8 } from "node:buffer";
import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { ConsumeMessage } from "amqplib";
import { queueState } from "../connections.ts";
import { counted, duration, print, printable, shortened } from "../output.ts";
import { idOf, readMessage } from "./message.ts";
import { KEEP_ALL, visitQueue } from "./visit-queue.ts";

const FAULT_CHARACTERS = 160;
const FIELD_CHARACTERS = 80;
const BODY_SHOWN_BYTES = 2_000;

/** Each dead-letter queue with its count and its first messages. */
export async function list(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { limit, stop }: { limit: number; stop: AbortSignal },
): Promise<void> {
  for (const queue of queues) {
    const { messages } = await queueState(session, queue.deadQueue);
    print(`${queue.deadQueue}: ${counted(messages, "message")}`);
    await visitQueue(session, {
      queue: queue.deadQueue,
      most: limit,
      stop,
      work: async (window) => {
        for (const message of window) print(summaryOf(message, queue));
        return KEEP_ALL;
      },
    });
    if (messages > limit) print(`  … and ${messages - limit} more (--limit ${messages})`);
  }
}

/** All that is known of one message. Returns whether there is one. */
export async function show(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { id, full, stop }: { id: string; full: boolean; stop: AbortSignal },
): Promise<boolean> {
  for (const queue of queues) {
    let found: ConsumeMessage | undefined;
    await visitQueue(session, {
      queue: queue.deadQueue,
      most: Infinity,
      stop,
      work: async (window) => {
        found = window.find((message) => idOf(message) === id);
        return { remove: [], enough: found !== undefined };
      },
    });
    if (found) {
      printWhole(found, queue, full);
      return true;
    }
  }
  print(`No dead-letter queue has a message ${printable(id)}.`);
  print("npm run dead-letters -- list shows what there is.");
  return false;
}

function summaryOf(message: ConsumeMessage, queue: WorkQueue): string {
  const { id, type, orderId, requestId, routingKey, deadLetteredAt, reason, fault, timesReplayed } =
    readMessage(message, queue);
  const field = (text: string): string => shortened(text, FIELD_CHARACTERS);
  const about = [
    type ?? "not readable",
    orderId && `order ${orderId}`,
    requestId && `request ${field(requestId)}`,
    routingKey && routingKey !== type && `published as ${field(routingKey)}`,
    deadLetteredAt
      ? `dead-lettered ${duration(Date.now() - deadLetteredAt.getTime())} ago`
      : "dead-lettered at an unknown time",
    reason && `(${field(reason)})`,
    timesReplayed > 0 && `replayed ${counted(timesReplayed, "time")} before`,
  ].filter(Boolean);
  const why = fault ?? "can be read: the service's log line with this messageId says why";
  return `  ${field(id)}  ${about.join(", ")}\n    ${shortened(why, FAULT_CHARACTERS)}`;
}

function printWhole(message: ConsumeMessage, queue: WorkQueue, full: boolean): void {
  const { headers, ...properties } = message.properties;
  print(queue.deadQueue);
  print(summaryOf(message, queue));
  print(`headers ${printable(JSON.stringify(headers ?? {}, null, 2))}`);
  print(`properties ${printable(JSON.stringify(properties, null, 2))}`);
  const { content } = message;
  const shown = full ? content : content.subarray(0, BODY_SHOWN_BYTES);
  // Asked of the whole: a cut in the middle of a character is not UTF-8.
  const text = isUtf8(content) ? shown.toString() : `(base64) ${shown.toString("base64")}`;
  print(`body, ${content.length} bytes:\n${printable(text)}`);
  if (shown.length < content.length) print("… (--full shows all of it)");
}
