import type { WhyCode } from "./why.ts";

/** What to do next; each heading is one of docs/operations.md. */
export const ADVICE: Readonly<
  Record<WhyCode, { readonly text: string; readonly heading: string }>
> = {
  dead: {
    text: "See what is wrong with npm run dead-letters -- list, mend it, and put the messages back with npm run dead-letters -- replay ID.",
    heading: "dead-letters",
  },
  broker_away: {
    text: "Bring RabbitMQ back. The outbox keeps everything, and drains by itself.",
    heading: "the-broker-is-away-or-takes-nothing",
  },
  broker_blocked: {
    text: "Free memory or disk on the broker: rabbitmq-diagnostics alarms names which. The rest happens by itself.",
    heading: "the-broker-is-away-or-takes-nothing",
  },
  relay_not_draining: {
    text: "Look at /health/ready and the log of the service whose outbox it is.",
    heading: "an-outbox-grows",
  },
  no_consumer: {
    text: "Start the service that takes from this queue, or look at its log.",
    heading: "orders-stay-pending",
  },
  database_away: {
    text: "Bring product-service's database back. Messages wait meanwhile.",
    heading: "a-database-is-away",
  },
  row_held: {
    text: "End that transaction in the database: SELECT pg_terminate_backend(its process).",
    heading: "a-row-is-held",
  },
  in_queue: {
    text: "Wait, and run this again: the number must fall.",
    heading: "orders-stay-pending",
  },
  nowhere: {
    text: "See whether both services answer on /health/ready: a frozen one keeps what it has in hand. Else wait for the sweeper; of an order that was told again many times, look for the request id in the services' logs.",
    heading: "orders-stay-pending",
  },
};
