import { EXIT, parseOptions, wholeNumber, type Command } from "../command.ts";
import { ask, type Asked } from "../connections.ts";
import { counted, duration, print } from "../output.ts";
import { askOrders, askTheRest, COUNTED_TO, DEAD_LETTERS_READ, type Facts } from "./facts.ts";
import { ADVICE, whyStuck, type Why } from "./why.ts";

/** The reconciler waits as long (RECONCILE_AFTER_MS). */
const OLDER_THAN_S = 30;
const LIMIT = 50;
const MOST_LIMIT = 1_000;
const MOST_SECONDS = 31_536_000;

const USAGE = `npm run orders:stuck -- [options]
  --older-than SECONDS  pending for longer than this (${OLDER_THAN_S}, after which the reconciler republishes an order)
  --limit N             at most so many of them, the oldest first (${LIMIT}; at most ${MOST_LIMIT})
  --json                one JSON object on each line
It asks what npm start runs here, or ORDER_DATABASE_URL, PRODUCT_DATABASE_URL and RABBITMQ_URL.
Exit code: 0 nothing is stuck, 1 something is, 2 wrong usage or the orders cannot be asked.`;

/** Orders that have been pending for too long, and why. Changes nothing but the order of dead-lettered messages. */
export const ordersStuck: Command = async (args, { addresses }) => {
  const { values } = parseOptions(
    args,
    {
      options: {
        "older-than": { type: "string", default: String(OLDER_THAN_S) },
        limit: { type: "string", default: String(LIMIT) },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    },
    USAGE,
  );
  if (values.help) {
    print(USAGE);
    return EXIT.ok;
  }
  const olderThanS = wholeNumber(
    ["--older-than", values["older-than"]],
    { least: 0, most: MOST_SECONDS },
    USAGE,
  );
  const limit = wholeNumber(["--limit", values.limit], { least: 1, most: MOST_LIMIT }, USAGE);
  const orders = await ask(() => askOrders(addresses.orderDb, { olderThanS, limit }));
  if ("failure" in orders) {
    print(`The orders cannot be asked: ${orders.failure}.`);
    print(
      "Is order-service's database up, and is ORDER_DATABASE_URL (or npm start) the right one?",
    );
    return EXIT.failed;
  }
  const facts = await askTheRest(orders.answer, addresses);
  const report = values.json ? reportJson : reportText;
  report(facts, olderThanS);
  return facts.orders.count > 0 ? EXIT.found : EXIT.ok;
};

const causesOf = (facts: Facts) =>
  facts.orders.orders.map((order) => ({ order, why: whyStuck(order, facts) }));

function reportText(facts: Facts, olderThanS: number): void {
  const { count } = facts.orders;
  const causes = causesOf(facts);
  const longer = `for more than ${duration(olderThanS * 1_000)}`;
  if (count === 0) print(`No order has been pending ${longer}.`);
  else
    print(
      `${atMost(count)} pending ${longer}${causes.length < count ? `; the oldest ${causes.length}` : ""}:\n`,
    );
  for (const { order, why } of causes) {
    const { id, productId, requestId, ageS, timesRepublished, nextRepublishAt } = order;
    const republished = `republished ${counted(timesRepublished, "time")}, next at ${nextRepublishAt.toISOString()}`;
    print(
      `${id}  product ${productId}, ${duration(ageS * 1_000)}, request ${requestId}, ${republished}`,
    );
    print(`  ${why.text}`);
  }
  for (const text of gaps(facts)) print(`! ${text}`);
  const advice = adviceOn(causes);
  if (advice) print(`\nNext: ${advice}`);
}

function reportJson(facts: Facts, olderThanS: number): void {
  const causes = causesOf(facts);
  const record = (value: object): void => print(JSON.stringify(value));
  for (const { order, why } of causes) {
    const { ageS, ...rest } = order;
    record({ kind: "order", ...rest, ageS: Math.round(ageS), why: why.code, text: why.text });
  }
  for (const text of gaps(facts)) record({ kind: "gap", text });
  const { count } = facts.orders;
  const next = adviceOn(causes);
  record({ kind: "summary", stuck: count, shown: causes.length, olderThanS, next });
}

const atMost = (count: number): string =>
  count === COUNTED_TO
    ? `${counted(count, "order")} or more are`
    : `${counted(count, "order")} ${count === 1 ? "is" : "are"}`;

/** On the most frequent cause. */
function adviceOn(causes: readonly { why: Why }[]): string | undefined {
  const counts = new Map<Why["code"], number>();
  for (const { why } of causes) counts.set(why.code, (counts.get(why.code) ?? 0) + 1);
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
  if (!most) return undefined;
  const { text, heading } = ADVICE[most[0]];
  return `${text} More: docs/operations.md#${heading}`;
}

/** What could not be asked, or not all of it: the causes above rest on the remaining facts. */
function gaps({ products, broker, deadLettered }: Facts): string[] {
  const failed = (part: string, variable: string, asked: Asked<unknown>): string[] =>
    "failure" in asked ? [`${part} cannot be asked (${variable}): ${asked.failure}`] : [];
  const counts = "answer" in broker ? [...broker.answer.deadLettered] : [];
  return [
    ...failed("product-service's database", "PRODUCT_DATABASE_URL", products),
    ...failed("The broker", "RABBITMQ_URL", broker),
    ...("failure" in broker ? [] : failed("The dead-letter queues", "RABBITMQ_URL", deadLettered)),
    ...counts
      .filter(([, messages]) => messages > DEAD_LETTERS_READ)
      .map(
        ([queue, messages]) =>
          `${queue} has ${counted(messages, "message")}; ${DEAD_LETTERS_READ} were looked at`,
      ),
  ];
}
