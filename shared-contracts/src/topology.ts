import type { EventType } from "./event.ts";
import { SERVICE_NAMES, SERVICES, type ServiceName } from "./services.ts";

/**
 * What exists on the broker, as data. Every service declares the exchanges and the queues that it consumes. Work that no queue
 * takes yet waits in its publisher's outbox.
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

/** The queue of a service for a type that the registry lists in its `consumes`. */
export function workQueue<S extends ServiceName>(
  service: S,
  type: (typeof SERVICES)[S]["consumes"][number],
): WorkQueue {
  return queueOf(service, type);
}

function queueOf(service: string, type: EventType): WorkQueue {
  const name = `${service}.${type.replace(/[._]/g, "-")}`;
  return { name, consumer: service, deadQueue: `${name}.dead`, types: [type] };
}

export const ORDER_CREATED_QUEUE: WorkQueue = workQueue("product-service", "order.created");
export const ORDER_UPDATED_QUEUE: WorkQueue = workQueue("order-service", "order.updated");

export const WORK_QUEUES: readonly WorkQueue[] = SERVICE_NAMES.flatMap((service) =>
  SERVICES[service].consumes.map((type) => queueOf(service, type)),
);

/** Types that a work queue takes: published `mandatory`, since one that no queue takes would be lost. */
export const WORK_TYPES: ReadonlySet<string> = new Set(WORK_QUEUES.flatMap(({ types }) => types));

/** Types that each order-service instance takes on an exclusive queue of its own. */
export const PRODUCT_TYPES = SERVICES["order-service"].hints;

/** Redeliveries that a message survives; only one that kills the process again and again gets there. */
export const DELIVERY_LIMIT = 100;

/** A look into a dead-letter queue counts as a delivery, and RabbitMQ 4 drops a message at the 20th by default. */
export const DEAD_DELIVERY_LIMIT = 1_000_000;

/** Ours have 2 kB at most. Larger ones are refused by our brokers, and dead-lettered by consumers before they parse: 60 MB of `[` take 12 s. */
export const MAX_MESSAGE_BYTES = 262_144;

/** Beyond it the broker refuses, and the rest waits in the outbox. */
export const MAX_QUEUE_MESSAGES = 500_000;

/** A cache's hints: old ones are worth nothing. */
export const HINT_QUEUE_MAX_MESSAGES = 10_000;
export const HINT_TTL_MS = 60_000;
