import { createHash } from "node:crypto";
import type { WorkQueue } from "@shop/contracts/topology";
import { decode } from "@shop/service-kit/messaging/delivery";
import type { ConsumeMessage } from "amqplib";
import { timesReplayed } from "./put-on-queue.ts";

/** What a person wants to know of a message in a dead queue. */
export interface Letter {
  readonly id: string;
  readonly type: string | undefined;
  readonly orderId: string | undefined;
  readonly requestId: string | undefined;
  readonly routingKey: string | undefined;
  readonly diedAt: Date | undefined;
  /** The broker's: rejected, delivery_limit, maxlen, expired. */
  readonly reason: string | undefined;
  /** What is wrong with it; nothing when it can be read. */
  readonly fault: string | undefined;
  readonly timesReplayed: number;
}

/** What can be typed on a command line. */
const NAMEABLE = /^\w[\w.:-]{0,79}$/;

/** By its message id; a stranger's may have none or an odd one, and is known by its content. */
export function letterId({ properties, content }: ConsumeMessage): string {
  const { messageId } = properties;
  if (typeof messageId === "string" && NAMEABLE.test(messageId)) return messageId;
  return `body-${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;
}

export function readLetter(message: ConsumeMessage, { types }: WorkQueue): Letter {
  const decoded = decode(message, types);
  const event = "delivery" in decoded ? decoded.delivery.event : undefined;
  const data = event?.data as { id?: unknown; orderId?: unknown } | undefined;
  const { correlationId, headers = {} } = message.properties;
  const death = lastDeath(headers);
  return {
    id: letterId(message),
    type: event?.type,
    orderId: text(data?.orderId ?? data?.id),
    requestId: text(correlationId) ?? event?.requestId,
    routingKey: text(death?.["routing-keys"]?.[0]),
    diedAt: typeof death?.time?.value === "number" ? new Date(death.time.value * 1_000) : undefined,
    reason: text(death?.reason),
    fault: "fault" in decoded ? decoded.fault : undefined,
    timesReplayed: timesReplayed(message),
  };
}

interface Death {
  readonly reason?: unknown;
  readonly time?: { readonly value?: unknown };
  readonly "routing-keys"?: readonly unknown[];
}

/** The newest stands first. A header, so it may be anything. */
function lastDeath(headers: Record<string, unknown>): Death | undefined {
  const deaths = headers["x-death"];
  const first: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  return typeof first === "object" && first !== null ? first : undefined;
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
