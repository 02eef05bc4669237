import { createHash } from "node:crypto";
import type { WorkQueue } from "@shop/contracts/topology";
import { decode } from "@shop/service-kit/messaging/delivery";
import type { ConsumeMessage } from "amqplib";
import { print, printable } from "../output.ts";

/** Added by a replay. */
export const REPLAYED_HEADER = "x-replayed";

/** What a person wants to know of a dead-lettered message. */
export interface DeadLetteredMessage {
  readonly id: string;
  readonly type: string | undefined;
  readonly orderId: string | undefined;
  readonly requestId: string | undefined;
  readonly routingKey: string | undefined;
  readonly deadLetteredAt: Date | undefined;
  /** The broker's: rejected, delivery_limit, maxlen, expired. */
  readonly reason: string | undefined;
  /** What is wrong with it; nothing when it can be read. */
  readonly fault: string | undefined;
  readonly timesReplayed: number;
}

/** What can be typed on a command line. */
const TYPEABLE = /^\w[\w.:-]{0,79}$/;

/** Its message id; a foreign message may have none or an odd one, and gets one from its content. */
export function idOf({ properties, content }: ConsumeMessage): string {
  const { messageId } = properties;
  if (typeof messageId === "string" && TYPEABLE.test(messageId)) return messageId;
  return `body-${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;
}

export function timesReplayed({ properties }: ConsumeMessage): number {
  const times: unknown = properties.headers?.[REPLAYED_HEADER];
  return typeof times === "number" ? times : 0;
}

export function readMessage(message: ConsumeMessage, { types }: WorkQueue): DeadLetteredMessage {
  const decoded = decode(message, types);
  const event = "delivery" in decoded ? decoded.delivery.event : undefined;
  const data = event?.data as { id?: unknown; orderId?: unknown } | undefined;
  const { correlationId, headers = {} } = message.properties;
  const death = newestDeath(headers);
  const seconds = death?.time?.value;
  return {
    id: idOf(message),
    type: event?.type,
    orderId: text(data?.orderId ?? data?.id),
    requestId: text(correlationId) ?? event?.requestId,
    routingKey: text(death?.["routing-keys"]?.[0]),
    deadLetteredAt: typeof seconds === "number" ? new Date(seconds * 1_000) : undefined,
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
function newestDeath(headers: Record<string, unknown>): Death | undefined {
  const deaths = headers["x-death"];
  const first: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  return typeof first === "object" && first !== null ? first : undefined;
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** The messages that a replay or a discard is for. Several may have one id: the same event, published twice. */
export class Selection {
  private readonly ids: ReadonlySet<string>;
  private readonly missing: Set<string>;

  constructor(ids: readonly string[]) {
    this.ids = new Set(ids);
    this.missing = new Set(ids);
  }

  /** Without ids it is all of them. */
  of(window: readonly ConsumeMessage[]): ConsumeMessage[] {
    if (this.ids.size === 0) return [...window];
    return window.filter((message) => {
      const id = idOf(message);
      this.missing.delete(id);
      return this.ids.has(id);
    });
  }

  /** Returns whether all were found. */
  printMissing(): boolean {
    for (const id of this.missing) print(`Not found: ${printable(id)}`);
    if (this.missing.size > 0) print("npm run dead-letters -- list shows what there is.");
    return this.missing.size === 0;
  }
}
