import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { uuidTime } from "@shop/service-kit/outbox/outbox.sql";
import { answerOf, type QueueState } from "../connections.ts";
import { counted, duration } from "../output.ts";
import type { Decision, LockHolder, StuckOrder } from "./database.sql.ts";
import type { Facts } from "./facts.ts";

/** What to do about each cause; each heading is one of docs/operations.md. */
export const ADVICE = {
  dead_lettered: {
    text: "See what is wrong with npm run dead-letters -- list, mend it, and put the messages back with npm run dead-letters -- replay ID.",
    heading: "dead-lettered-messages",
  },
  broker_away: {
    text: "Bring RabbitMQ back. The outbox keeps everything, and drains by itself.",
    heading: "the-broker-is-away-or-accepts-nothing",
  },
  broker_blocked: {
    text: "Free memory or disk on the broker: rabbitmq-diagnostics alarms names which. The rest happens by itself.",
    heading: "the-broker-is-away-or-accepts-nothing",
  },
  relay_not_draining: {
    text: "Look at /health/ready and the log of the service whose outbox it is.",
    heading: "an-outbox-grows",
  },
  no_consumer: {
    text: "Start the service that consumes this queue, or look at its log.",
    heading: "orders-stay-pending",
  },
  database_away: {
    text: "Bring product-service's database back. Messages wait meanwhile.",
    heading: "a-database-is-away",
  },
  row_locked: {
    text: "End that transaction in the database: SELECT pg_terminate_backend(its process).",
    heading: "a-row-is-locked",
  },
  in_queue: {
    text: "Wait, and run this again: the number must fall.",
    heading: "orders-stay-pending",
  },
  no_message: {
    text: "See whether both services answer on /health/ready: a frozen one keeps the messages that it was sent. Else wait for the reconciler; for an order that was republished many times, look for the request id in the services' logs.",
    heading: "orders-stay-pending",
  },
} as const;

export interface Why {
  readonly code: keyof typeof ADVICE;
  readonly text: string;
}

/** The first cause that the facts show, from the certain ones to the likely ones. */
export function whyStuck(order: StuckOrder, facts: Facts): Why {
  const message = answerOf(facts.deadLettered)?.get(order.id);
  if (message) {
    return { code: "dead_lettered", text: `a message of it is in ${message.queue}: ${message.id}` };
  }
  const products = answerOf(facts.products);
  const decision = products?.decisions.get(order.id);
  if (!decision) return whyUndecided(order, facts);
  return whyNotApplied(order, { facts, decision, eventId: products?.unpublished.get(order.id) });
}

function whyUndecided(order: StuckOrder, facts: Facts): Why {
  const eventId = facts.orders.unpublished.get(order.id);
  if (eventId) return inOutbox(facts, "its order.created is in order-service's outbox", eventId);
  if ("failure" in facts.products) {
    const text = `product-service's database cannot be asked (${facts.products.failure}): where the service cannot reach it either, the order waits for it`;
    return { code: "database_away", text };
  }
  const state = answerOf(facts.broker)?.created;
  return (
    notConsumed(ORDER_CREATED_QUEUE.name, state) ??
    locked("products", facts.products.answer.lockHolder) ??
    inQueue(ORDER_CREATED_QUEUE.name, state) ??
    noMessage(
      order,
      "product-service has not decided it; it is working on a message of it, or none is left",
    )
  );
}

function whyNotApplied(
  order: StuckOrder,
  { facts, decision, eventId }: { facts: Facts; decision: Decision; eventId: string | undefined },
): Why {
  const { status, decidedAt } = decision;
  const state = answerOf(facts.broker)?.updated;
  const why =
    (eventId && inOutbox(facts, "its order.updated is in product-service's outbox", eventId)) ||
    notConsumed(ORDER_UPDATED_QUEUE.name, state) ||
    locked("orders", facts.orders.lockHolder) ||
    inQueue(ORDER_UPDATED_QUEUE.name, state) ||
    noMessage(order, "order-service is working on the outcome, or no message of it is left");
  const start = `product-service has decided it (${status}) at ${decidedAt.toISOString()}`;
  return { code: why.code, text: `${start}; ${why.text}` };
}

function inOutbox({ broker }: Facts, where: string, eventId: string): Why {
  const since = `${where} since ${uuidTime(eventId).toISOString()}`;
  if ("failure" in broker) {
    return { code: "broker_away", text: `${since}: the broker is away (${broker.failure})` };
  }
  if (broker.answer.blocked) {
    const text = `${since}: the broker accepts no messages (a memory or disk alarm)`;
    return { code: "broker_blocked", text };
  }
  const text = `${since}: the broker is there, so the service is down or cannot reach it`;
  return { code: "relay_not_draining", text };
}

function notConsumed(queue: string, state: QueueState | undefined): Why | undefined {
  if (!state || state.consumers > 0) return undefined;
  const text = `nothing consumes ${queue}, where ${counted(state.messages, "message")} wait${state.messages === 1 ? "s" : ""}`;
  return { code: "no_consumer", text };
}

function inQueue(queue: string, state: QueueState | undefined): Why | undefined {
  if (!state || state.messages === 0) return undefined;
  const text = `likely among the ${counted(state.messages, "message")} in ${queue}, which are being consumed`;
  return { code: "in_queue", text };
}

function locked(table: string, holder: LockHolder | undefined): Why | undefined {
  if (!holder) return undefined;
  const { pid, name, state, openS } = holder;
  const process = `process ${pid} of its database (${name || "no name"}, ${state})`;
  const text = `likely its row is locked: ${process} has locked rows of ${table} for ${duration(openS * 1_000)}`;
  return { code: "row_locked", text };
}

function noMessage({ nextRepublishAt }: StuckOrder, what: string): Why {
  const inMs = nextRepublishAt.getTime() - Date.now();
  const reconciler =
    inMs > 0
      ? `the reconciler republishes it in ${duration(inMs)}`
      : `the reconciler should have republished it ${duration(-inMs)} ago: is order-service up?`;
  return { code: "no_message", text: `${what}; ${reconciler}` };
}
