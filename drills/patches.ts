/** A change of one place in a built program, made while it is loaded: the product itself knows nothing of drills. */
export interface Patch {
  /** The end of the file's path. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const CONSUMER = "service-kit/dist/messaging/batch-consumer.js";
const RELAY = "service-kit/dist/outbox/relay.js";
const SETTLE_ORDERS = "product-service/dist/settle-orders.js";

/** Ends the program, there and then, when a drill has asked for it. */
const dieAt = (point: string): string => `globalThis.dieIfAsked("${point}");`;

/** Where a program can be made to die, to the line. */
export const CRASH_POINTS: Record<string, Patch> = {
  "between commit and ack": {
    file: CONSUMER,
    find: "const handled = deliveries.filter(",
    replace: `${dieAt("between commit and ack")} const handled = deliveries.filter(`,
  },
  "between confirm and mark": {
    file: RELAY,
    find: "this.marks.add(confirmed",
    replace: `${dieAt("between confirm and mark")} this.marks.add(confirmed`,
  },
};

/** What heals a lost message after a while: with it nobody could tell that one was lost. */
const NO_SWEEPER: Patch = {
  file: "order-service/dist/tell-again.js",
  find: "await takeOverduePending(sql, { firstWaitMs, most: MOST_AT_ONCE })",
  replace: "[]",
};

export interface Sabotage {
  readonly patches: readonly Patch[];
  /** The drill that must notice. */
  readonly drill: string;
}

/** Ways to break the promises. */
export const SABOTAGE: Record<string, Sabotage> = {
  // Every message decides anew, whatever was decided before, and the table takes the second decision.
  "no-inbox": {
    drill: "triple-and-shuffle",
    patches: [
      {
        file: SETTLE_ORDERS,
        find: "findMovements(sql, [...orders.keys()]),",
        replace: "[],",
      },
      {
        file: "product-service/dist/stock.sql.js",
        find: "     ORDER BY 1`",
        replace: "     ORDER BY 1 ON CONFLICT DO NOTHING`",
      },
    ],
  },
  "ack-before-commit": {
    drill: "kill-product-service",
    patches: [
      {
        file: CONSUMER,
        find: "const outcome = await handleUntilDone(",
        replace:
          "subscription.channel.ack(last.message, true); await new Promise((go) => setTimeout(go, 20)); const outcome = await handleUntilDone(",
      },
      NO_SWEEPER,
      { file: CONSUMER, find: "channel.ack(newestOf(handled).message, true);", replace: "" },
    ],
  },
  "publish-outside-the-transaction": {
    drill: "kill-rabbitmq",
    patches: [
      {
        file: "service-kit/dist/outbox/unit-of-work.js",
        find: "open.alongside(insertLeased(open.sql, rows, LEASE_MS));",
        replace: ";",
      },
      NO_SWEEPER,
    ],
  },
  "cache-without-version": {
    drill: "stale-set",
    patches: [
      {
        file: "service-kit/dist/cache/cache-scripts.js",
        find: "version > tonumber(ARGV[1])",
        replace: "false",
      },
    ],
  },
};
