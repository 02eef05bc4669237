/** A change of one place in a built program, made while it is loaded: the product itself knows nothing of drills. */
export interface Patch {
  /** The end of the file's path. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const CONSUMER = "service-kit/dist/messaging/batch-consumer.js";
const RELAY = "service-kit/dist/outbox/relay.js";

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

/**
 * A reader rests between its look into the database and its set in Redis, for longer than a write takes on a busy machine: a writer
 * comes between them nearly always.
 */
const LATE = "await new Promise((go) => setTimeout(go, Math.random() * 200));";
export const SLOW_READERS: readonly Patch[] = [
  {
    file: "product-service/dist/products/product-reads.js",
    find: "const text = toText(toProduct(found));",
    replace: `const text = toText(toProduct(found)); ${LATE}`,
  },
  {
    file: "order-service/dist/orders/order-lists.js",
    find: "const read = { token",
    replace: `${LATE} const read = { token`,
  },
];

/** Both sides keep idle connections for seconds instead of a minute: gateway 3, services 2. */
export const SHORT_KEEP_ALIVE: readonly Patch[] = [
  {
    file: "gateway/dist/server.js",
    find: "KEEP_ALIVE_TIMEOUT_MS = 65_000",
    replace: "KEEP_ALIVE_TIMEOUT_MS = 3_000",
  },
  {
    file: "service-kit/dist/http/create-http-app.js",
    find: "KEEP_ALIVE_TIMEOUT_MS = 65_000",
    replace: "KEEP_ALIVE_TIMEOUT_MS = 2_000",
  },
];

/** What heals a lost message after a while: with it nobody could tell that one was lost. */
export const NO_SWEEPER: Patch = {
  file: "order-service/dist/reconcile/republish-orders.js",
  find: "await takeOverduePending(sql, { firstWaitMs, most: MOST_AT_ONCE })",
  replace: "[]",
};
