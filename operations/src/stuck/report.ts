import { say } from "local-stack/terminal/say";
import type { Asked } from "../asked.ts";
import { counted, duration } from "../words.ts";
import { ADVICE } from "./advice.ts";
import type { StuckArguments } from "./arguments.ts";
import { DEAD_LOOKED_AT } from "./dead-orders.ts";
import { COUNTED_TO, type Facts } from "./facts.ts";
import { whyStuck, type Why } from "./why.ts";
import type { StuckOrder } from "./database.sql.ts";

interface Line {
  readonly order: StuckOrder;
  readonly why: Why;
}

const linesOf = (facts: Facts): Line[] =>
  facts.orders.orders.map((order) => ({ order, why: whyStuck(order, facts) }));

export function tellPeople(facts: Facts, { olderThanS }: StuckArguments): void {
  const { count } = facts.orders;
  const lines = linesOf(facts);
  const longer = `for more than ${duration(olderThanS * 1_000)}`;
  if (count === 0) say(`No order has been pending ${longer}.`);
  else
    say(
      `${atMost(count)} pending ${longer}${lines.length < count ? `; the oldest ${lines.length}` : ""}:\n`,
    );
  for (const { order, why } of lines) {
    const { id, productId, requestId, ageS, timesToldAgain } = order;
    const told = `told again ${counted(timesToldAgain, "time")}, next at ${order.nextTellAt.toISOString()}`;
    say(`${id}  product ${productId}, ${duration(ageS * 1_000)}, request ${requestId}, ${told}`);
    say(`  ${why.text}`);
  }
  for (const text of doubts(facts)) say(`! ${text}`);
  const advice = adviceOn(lines);
  if (advice) say(`\nNext: ${advice}`);
}

export function tellPrograms(facts: Facts, { olderThanS }: StuckArguments): void {
  const lines = linesOf(facts);
  const tell = (record: object): void => say(JSON.stringify(record));
  for (const { order, why } of lines) {
    const { ageS, ...rest } = order;
    tell({ kind: "order", ...rest, ageS: Math.round(ageS), why: why.code, text: why.text });
  }
  for (const text of doubts(facts)) tell({ kind: "doubt", text });
  const { count } = facts.orders;
  tell({ kind: "summary", stuck: count, shown: lines.length, olderThanS, next: adviceOn(lines) });
}

const atMost = (count: number): string =>
  count === COUNTED_TO
    ? `${counted(count, "order")} or more are`
    : `${counted(count, "order")} ${count === 1 ? "is" : "are"}`;

/** For what keeps most of them. */
function adviceOn(lines: readonly Line[]): string | undefined {
  const counts = new Map<Why["code"], number>();
  for (const { why } of lines) counts.set(why.code, (counts.get(why.code) ?? 0) + 1);
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
  if (!most) return undefined;
  const { text, heading } = ADVICE[most[0]];
  return `${text} More: docs/operations.md#${heading}`;
}

/** What could not be asked, or not all of it: the reasons above are as good as what is left. */
function doubts({ products, broker, dead }: Facts): string[] {
  const unasked = (part: string, variable: string, asked: Asked<unknown>): string[] =>
    "unasked" in asked ? [`${part} can't be asked (${variable}): ${asked.unasked}`] : [];
  const deep = "told" in broker ? [...broker.told.dead] : [];
  return [
    ...unasked("product-service's database", "PRODUCT_DATABASE_URL", products),
    ...unasked("The broker", "RABBITMQ_URL", broker),
    ...("unasked" in broker ? [] : unasked("The dead queues", "RABBITMQ_URL", dead)),
    ...deep
      .filter(([, messages]) => messages > DEAD_LOOKED_AT)
      .map(
        ([queue, messages]) =>
          `${queue} has ${counted(messages, "message")}; ${DEAD_LOOKED_AT} were looked at`,
      ),
  ];
}
