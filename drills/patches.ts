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

/** A reader rests between its look into the database and its set in Redis: a writer comes between them nearly always. */
const LATE = "await new Promise((go) => setTimeout(go, Math.random() * 40));";
const SLOW_READERS: readonly Patch[] = [
  {
    file: "product-service/dist/product-reads.js",
    find: "const text = toText(product);",
    replace: `const text = toText(product); ${LATE}`,
  },
  {
    file: "order-service/dist/order-lists.js",
    find: "const read = { token",
    replace: `${LATE} const read = { token`,
  },
];

/** Both sides keep idle connections for seconds instead of a minute: gateway 3, services 2. */
const SHORT_KEEP_ALIVE: readonly Patch[] = [
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
      ...SLOW_READERS,
      {
        file: "service-kit/dist/cache/cache-scripts.js",
        find: "version > tonumber(ARGV[1])",
        replace: "false",
      },
    ],
  },
  // Node takes what the standard leaves no room for.
  "lenient-gateway": {
    drill: "smuggle-requests",
    patches: [
      {
        file: "gateway/dist/server.js",
        find: "requireHostHeader: false",
        replace: "requireHostHeader: false, insecureHTTPParser: true",
      },
    ],
  },
  "passes-any-subject": {
    drill: "forge-headers",
    patches: [
      {
        file: "gateway/dist/upstream/service-headers.js",
        find: "[TRACEPARENT_HEADER,",
        replace: '["x-subject", TRACEPARENT_HEADER,',
      },
    ],
  },
  "route-to-metrics": {
    drill: "internal-paths",
    patches: [
      {
        file: "gateway/dist/routes.js",
        find: "export const ROUTES = [",
        replace:
          'export const ROUTES = [{ method: "GET", path: "/metrics", answeredBy: "product-service" },',
      },
    ],
  },
  "any-request-id": {
    drill: "request-ids",
    patches: [
      {
        file: "service-kit/dist/log/request-id.js",
        find: "REQUEST_ID_PATTERN.test(candidate)",
        replace: "true",
      },
    ],
  },
  "any-body": {
    drill: "slow-clients",
    patches: [
      {
        file: "service-kit/dist/strict-json.js",
        find: "100 * 1024",
        replace: "1024 ** 3",
      },
    ],
  },
  "no-deadline": {
    drill: "hang-a-service",
    patches: [
      {
        file: "gateway/dist/upstream/limit.js",
        find: "timedOut()), deadlineMs)",
        replace: "timedOut()), 60_000)",
      },
    ],
  },
  "takes-everything": {
    drill: "overload",
    patches: [
      {
        file: "gateway/dist/steps/load-shedding.js",
        find: "inFlight.count >= most",
        replace: "false",
      },
      {
        file: "gateway/dist/upstream/upstream.js",
        find: "this.inFlight >= this.options.mostInFlight",
        replace: "false",
      },
    ],
  },
  // The gateway keeps connections longer than the services do.
  "deaf-to-keep-alive": {
    drill: "idle-gaps",
    patches: [
      ...SHORT_KEEP_ALIVE,
      {
        file: "gateway/dist/upstream/service-agent.js",
        find: "keepAlive === lastHint",
        replace: "true",
      },
    ],
  },
  "any-name": {
    drill: "odd-values",
    patches: [
      {
        file: "shared-contracts/dist/product.js",
        find: "!/\\p{Cc}/u.test(name)",
        replace: "true",
      },
    ],
  },
  "list-without-token": {
    drill: "stale-set",
    patches: [
      ...SLOW_READERS,
      {
        file: "service-kit/dist/cache/cache-scripts.js",
        find: "~= ARGV[1] then return 0 end",
        replace: "~= ARGV[1] and false then return 0 end",
      },
    ],
  },
};

/** Those that a program was started with. */
export function patchesNamed(name: string): readonly Patch[] {
  if (name === "crash-points") return Object.values(CRASH_POINTS);
  if (name === "slow-readers") return SLOW_READERS;
  if (name === "short-keep-alive") return SHORT_KEEP_ALIVE;
  const found = SABOTAGE[name];
  if (!found) throw new Error(`there are no patches "${name}"`);
  return found.patches;
}
