import { EVENTS, type EventOf, type EventType } from "@shop/contracts/event";
import { MAX_MESSAGE_BYTES, type WorkQueue } from "@shop/contracts/topology";
import { issuesToDetails } from "@shop/contracts/validation";
import type { Channel, ConsumeMessage } from "amqplib";
import type { Logger } from "../log/logger.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { ConsumerObserver } from "./handle-batch.ts";

/** A message and, where it is what it should be, the event in it. */
export interface Delivery<T extends EventType> {
  readonly message: ConsumeMessage;
  readonly event: EventOf<T>;
}

export type Decoded<T extends EventType> =
  | { readonly delivery: Delivery<T> }
  | { readonly message: ConsumeMessage; readonly fault: string };

/** Known without parsing. */
export const faultOfSize = ({ content }: ConsumeMessage): string | undefined =>
  content.length > MAX_MESSAGE_BYTES ? `larger than ${MAX_MESSAGE_BYTES} bytes` : undefined;

/** Decodes and validates. A fault never holds what was in the message. */
export function decode<T extends EventType>(
  message: ConsumeMessage,
  types: readonly T[],
): Decoded<T> {
  const tooLarge = faultOfSize(message);
  if (tooLarge !== undefined) return { message, fault: tooLarge };
  let content: unknown;
  try {
    content = JSON.parse(message.content.toString());
  } catch {
    return { message, fault: "not JSON" };
  }
  const type = typeof content === "object" && content !== null && "type" in content && content.type;
  const known = types.find((candidate) => candidate === type);
  if (known === undefined) return { message, fault: "of a type that is not handled here" };

  const result = EVENTS[known].safeParse(content);
  if (result.success) return { delivery: { message, event: result.data as EventOf<T> } };
  const fields = issuesToDetails(result.error.issues).map(
    ({ path, message: rule }) => `${path} ${rule}`,
  );
  return { message, fault: `not a valid ${known}: ${fields.slice(0, 5).join("; ")}` };
}

/**
 * How often the broker has delivered a message in vain before; only quorum queues count. At the first delivery the broker writes
 * no count: one that is there then is the publisher's own.
 */
function earlierDeliveries({ fields, properties }: ConsumeMessage): number {
  if (!fields.redelivered) return 0;
  const count: unknown = properties.headers?.["x-delivery-count"];
  return typeof count === "number" ? count : 0;
}

/** The one that the broker sent last. */
export const newestOf = <T extends EventType>(deliveries: readonly Delivery<T>[]): Delivery<T> =>
  deliveries.reduce((one, other) =>
    other.message.fields.deliveryTag > one.message.fields.deliveryTag ? other : one,
  );

/** For sorting: in the order in which the broker sent them. */
export const asSent = (one: Delivery<EventType>, other: Delivery<EventType>): number =>
  one.message.fields.deliveryTag - other.message.fields.deliveryTag;

/** A message that was redelivered so often may be what kills the process. */
const SUSPECT_DELIVERIES = 3;
/** The size of a group, by the redeliveries beyond that; then a message is alone. */
const GROUPS = [30, 5];

/**
 * How many of these are handled together. All that a killed process had is redelivered, a thousand messages at a time, with the one that
 * killed it, if there is one. So the groups get smaller each time: one by one at once, they would take longer than the process lives.
 */
export function mostTogether(deliveries: readonly Delivery<EventType>[]): number {
  const most = Math.max(0, ...deliveries.map(({ message }) => earlierDeliveries(message)));
  if (most < SUSPECT_DELIVERIES) return Math.max(1, deliveries.length);
  return GROUPS[most - SUSPECT_DELIVERIES] ?? 1;
}

/** A message that is dead-lettered, and why. */
interface DeadLetter {
  readonly message: ConsumeMessage;
  readonly fault: string;
  readonly err?: unknown;
}

/** Never logs what is in it: that may not be fit for a log. */
export function deadLetter(
  { session, channel }: { readonly session: BrokerSession; readonly channel: Channel },
  { queue, log, observer }: { queue: WorkQueue; log: Logger; observer: ConsumerObserver },
  { message, fault, err }: DeadLetter,
): void {
  if (!session.isAlive) return;
  channel.reject(message, false);
  observer.deadLettered();
  const { messageId } = message.properties;
  log.error(
    { fault, messageId, deadQueue: queue.deadQueue, ...(err !== undefined && { err }) },
    "a message was dead-lettered",
  );
}
