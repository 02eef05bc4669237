import type { EventType } from "./event.ts";

/**
 * What exists on the broker, as data. Every service declares the exchanges and the queues that it consumes. What no queue takes yet
 * waits in its publisher's outbox.
 */
export const EVENTS_EXCHANGE = "shop.events";
export const DEAD_EXCHANGE = "shop.dead";

export interface WorkQueue {
  readonly name: string;
  /** The one service that declares and consumes it. */
  readonly consumer: string;
  readonly deadQueue: string;
  readonly types: readonly EventType[];
}

export const ORDER_CREATED_QUEUE: WorkQueue = {
  name: "product-service.order-created",
  consumer: "product-service",
  deadQueue: "product-service.order-created.dead",
  types: ["order.created"],
};

export const ORDER_UPDATED_QUEUE: WorkQueue = {
  name: "order-service.order-updated",
  consumer: "order-service",
  deadQueue: "order-service.order-updated.dead",
  types: ["order.updated"],
};

export const WORK_QUEUES: readonly WorkQueue[] = [ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE];

/** Types that a work queue takes: published `mandatory`, since nobody to take one means that it would be lost. */
export const WORK_TYPES: ReadonlySet<string> = new Set(WORK_QUEUES.flatMap(({ types }) => types));

/** Whose instances each have an exclusive queue of their own for product events, named with this prefix. */
export const HINT_CONSUMER = "order-service";

/** Types that each order-service instance takes on an exclusive queue of its own. Nobody listening is no loss. */
export const PRODUCT_TYPES = [
  "product.created",
  "product.updated",
  "product.deleted",
] as const satisfies readonly EventType[];

/** Redeliveries that a message survives; only one that kills the process again and again gets there. */
export const DELIVERY_LIMIT = 100;

/** A look into a dead queue counts as a delivery, and RabbitMQ 4 drops a message at the 20th unless it is told otherwise. */
export const DEAD_DELIVERY_LIMIT = 1_000_000;

/** Ours have 2 kB at most. Larger ones are refused by our brokers, and dead-lettered by consumers before they parse: 60 MB of `[` take 12 s. */
export const MAX_MESSAGE_BYTES = 262_144;

/** Beyond it the broker refuses, and the rest waits in the outbox. */
export const MAX_QUEUE_MESSAGES = 500_000;

/** A cache's hints: old ones are worth nothing. */
export const HINT_QUEUE_MAX_MESSAGES = 10_000;
export const HINT_TTL_MS = 60_000;
