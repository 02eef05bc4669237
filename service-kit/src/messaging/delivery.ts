import { EVENTS, type EventOf, type EventType } from "@shop/contracts/event";
import { MAX_MESSAGE_BYTES } from "@shop/contracts/topology";
import { issuesToDetails } from "@shop/contracts/validation";
import type { ConsumeMessage } from "amqplib";

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
 * How often the broker has delivered a message in vain before; only quorum queues count. At its first delivery the broker writes
 * no count: one that stands there is the publisher's own.
 */
export function earlierDeliveries({ fields, properties }: ConsumeMessage): number {
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
