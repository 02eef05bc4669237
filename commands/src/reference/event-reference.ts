import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { EVENTS, EVENT_VERSION, type EventType } from "@shop/contracts/event";
import {
  DEAD_EXCHANGE,
  DELIVERY_LIMIT,
  EVENTS_EXCHANGE,
  HINT_QUEUE_MAX_MESSAGES,
  HINT_TTL_MS,
  MAX_QUEUE_MESSAGES,
  PRODUCT_TYPES,
  WORK_QUEUES,
} from "@shop/contracts/topology";
import { originOf } from "@shop/contracts/services";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { fieldsOf } from "./json-schema-fields.ts";
import { code, table, written } from "./markdown.ts";

const TYPES = Object.keys(EVENTS) as EventType[];
const HINT_TYPES: readonly string[] = PRODUCT_TYPES;

const EACH_INSTANCE = "each instance of order-service";
const NOBODY = "nobody here yet";
const number = (value: number): string => value.toLocaleString("en-US");

export function eventReference(): string {
  return written(
    "`shared-contracts/src/event.ts`, `services.ts` and the services' `event-samples/`",
    [
      "# Events",
      "What the services publish to each other over RabbitMQ. The gateway and clients have no part in it.",
      "## Rules",
      rules(),
      "## On the broker",
      `One topic exchange, ${code(EVENTS_EXCHANGE)}; the routing key is the event's type. Each service declares the queues that it consumes; an event that no queue takes yet waits in its publisher's outbox.`,
      table(["routing key", "from", "queue", "taken by"], TYPES.flatMap(bindings)),
      `Work queues are durable quorum queues, of at most ${number(MAX_QUEUE_MESSAGES)} messages; beyond that the broker refuses, and the rest waits in the outbox. A message that can't be read or applied goes through the exchange ${code(DEAD_EXCHANGE)} to the dead queue, and blocks nothing; so does one that was delivered ${DELIVERY_LIMIT} times over, since it kills its consumer.`,
      table(
        ["queue", "dead queue"],
        WORK_QUEUES.map(({ name, deadQueue }) => [code(name), code(deadQueue)]),
      ),
      `The product events are hints for a cache: the queue of an instance is exclusive, goes with its connection, and keeps at most ${number(HINT_QUEUE_MAX_MESSAGES)} messages, for ${HINT_TTL_MS / 1_000} s. Nobody listening is no loss.`,
      "## The envelope",
      "The same for all; `data` is the event's own.",
      fieldTable(
        fieldsOf(EVENTS["order.created"])
          .filter(({ path }) => !path.startsWith("data"))
          .map(({ path, type, rules: own }) => {
            return { path, type, rules: path === "type" ? "the routing key" : own };
          }),
      ),
      ...TYPES.flatMap(section),
    ],
  );
}

const rules = (): string =>
  [
    "An event is written in the transaction of the fact that it tells of, and published until the broker has confirmed it.",
    "It is published **at least once**: an order is decided once and settled once, however often its events come. Their order is not promised; of two values of a product within 5 s the higher `version` is newer, else the later one.",
    "Consumers **ignore fields that they do not know**. Changes are additions only: no field goes away, or changes its type or meaning. A change that is no addition makes another event.",
    `\`version\` counts the additions to a type (${EVENT_VERSION} today), and is not compared.`,
    "`requestId` is the `X-Request-ID` of the request that caused it all.",
    "On the message, `message_id` is the event's `id` and `correlation_id` its `requestId`.",
  ]
    .map((rule) => `- ${rule}`)
    .join("\n");

function bindings(type: EventType): string[][] {
  const { from } = originOf(type);
  const queues = WORK_QUEUES.filter(({ types }) => types.includes(type)).map(
    ({ name }): [queue: string, taker: string] => [code(name), takerOf(name)],
  );
  if (HINT_TYPES.includes(type)) queues.push(["one of its own", EACH_INSTANCE]);
  return queues.map(([queue, taker]) => [code(type), from, queue, taker]);
}

/** A queue is named for the service that takes from it. */
const takerOf = (queue: string): string => queue.split(".", 1)[0]!;

function section(type: EventType): string[] {
  const { from, when } = originOf(type);
  const takers = bindings(type).map(([, , , taker]) => taker);
  return [
    `## ${type}`,
    `${from} → ${takers.join(", ") || NOBODY}. Told when ${when}.`,
    fieldTable(fieldsOf(EVENTS[type]).filter(({ path }) => path.startsWith("data."))),
    ...samplesOf(type).map((sample) => `\`\`\`json\n${sample}\n\`\`\``),
  ];
}

/** Those of today's version. */
function samplesOf(type: EventType): string[] {
  const folder = join(CHECKOUT, originOf(type).from, "event-samples");
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${type}.v${EVENT_VERSION}.`))
    .toSorted()
    .map((name) => readFileSync(join(folder, name), "utf8").trim());
}

const fieldTable = (fields: ReturnType<typeof fieldsOf>): string =>
  table(
    ["field", "type", "rules"],
    fields.map(({ path, type, rules: ofField }) => [code(path), type, ofField]),
  );
