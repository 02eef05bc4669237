import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { toldBy } from "../asked.ts";
import type { QueueLook } from "@shop/service-kit/messaging/publisher";
import { uuidTime } from "@shop/service-kit/outbox/uuid-time";
import { counted, duration } from "../words.ts";
import type { Decision, Holder, StuckOrder } from "./database.sql.ts";
import type { Facts } from "./facts.ts";

export type WhyCode =
  | "broker_away"
  | "broker_blocked"
  | "relay_not_draining"
  | "dead"
  | "no_consumer"
  | "in_queue"
  | "row_held"
  | "database_away"
  | "nowhere";

export interface Why {
  readonly code: WhyCode;
  readonly text: string;
}

/** The first that the facts show, from the sure ones to the likely ones. */
export function whyStuck(order: StuckOrder, facts: Facts): Why {
  const letter = toldBy(facts.dead)?.get(order.id);
  if (letter) {
    return { code: "dead", text: `a message of it is in ${letter.queue}: ${letter.id}` };
  }
  const products = toldBy(facts.products);
  const decision = products?.decisions.get(order.id);
  if (decision) return decided(order, { facts, decision, eventId: products?.untold.get(order.id) });
  return undecided(order, facts);
}

function undecided(order: StuckOrder, facts: Facts): Why {
  const untold = facts.orders.untold.get(order.id);
  if (untold) return inOutbox(facts, "its order.created is in order-service's outbox", untold);
  if ("unasked" in facts.products) {
    const text = `product-service's database can't be asked (${facts.products.unasked}): where the service can't reach it either, the order waits for it`;
    return { code: "database_away", text };
  }
  const look = toldBy(facts.broker)?.created;
  const { holder } = facts.products.told;
  return (
    inQueue(ORDER_CREATED_QUEUE.name, look) ??
    held("products", holder) ??
    drains(ORDER_CREATED_QUEUE.name, look) ??
    nowhere(
      order,
      "product-service has not decided it; it has a message of it in hand, or none is left",
    )
  );
}

function decided(
  order: StuckOrder,
  { facts, decision, eventId }: { facts: Facts; decision: Decision; eventId: string | undefined },
): Why {
  const { status, decidedAt } = decision;
  const start = `product-service has decided it (${status}) at ${decidedAt.toISOString()}`;
  const look = toldBy(facts.broker)?.updated;
  const why =
    (eventId && inOutbox(facts, "its order.updated is in product-service's outbox", eventId)) ||
    inQueue(ORDER_UPDATED_QUEUE.name, look) ||
    held("orders", facts.orders.holder) ||
    drains(ORDER_UPDATED_QUEUE.name, look) ||
    nowhere(order, "order-service has the outcome in hand, or no message of it is left");
  return { code: why.code, text: `${start}; ${why.text}` };
}

function inOutbox({ broker }: Facts, where: string, eventId: string): Why {
  const since = `${where} since ${uuidTime(eventId).toISOString()}`;
  if ("unasked" in broker) {
    return { code: "broker_away", text: `${since}: the broker is away (${broker.unasked})` };
  }
  if (broker.told.blocked) {
    const text = `${since}: the broker takes no messages (a memory or disk alarm)`;
    return { code: "broker_blocked", text };
  }
  const text = `${since}: the broker is there, so the service is down or has no way to it`;
  return { code: "relay_not_draining", text };
}

function inQueue(queue: string, look: QueueLook | undefined): Why | undefined {
  if (!look || look.consumers > 0) return undefined;
  const text = `nobody takes messages from ${queue}, where ${counted(look.messages, "message")} wait${look.messages === 1 ? "s" : ""}`;
  return { code: "no_consumer", text };
}

function drains(queue: string, look: QueueLook | undefined): Why | undefined {
  if (!look || look.messages === 0) return undefined;
  const text = `likely among the ${counted(look.messages, "message")} in ${queue}, which are being taken`;
  return { code: "in_queue", text };
}

function held(table: string, holder: Holder | undefined): Why | undefined {
  if (!holder) return undefined;
  const { pid, name, state, openS } = holder;
  const who = `process ${pid} of its database (${name || "no name"}, ${state})`;
  const text = `likely its row is held: ${who} has held rows of ${table} for ${duration(openS * 1_000)}`;
  return { code: "row_held", text };
}

function nowhere({ nextTellAt }: StuckOrder, what: string): Why {
  const inMs = nextTellAt.getTime() - Date.now();
  const sweeper =
    inMs > 0
      ? `the sweeper tells it again in ${duration(inMs)}`
      : `the sweeper should have told it again ${duration(-inMs)} ago: is order-service up?`;
  return { code: "nowhere", text: `${what}; ${sweeper}` };
}
