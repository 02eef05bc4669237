import {
  CONSUMER,
  CRASH_POINTS,
  NO_SWEEPER,
  SHORT_KEEP_ALIVE,
  SLOW_READERS,
  type Patch,
} from "./patches.ts";
import { GATEWAY_SABOTAGE, type Sabotage } from "./gateway-sabotage.ts";

const SETTLE_ORDERS = "product-service/dist/decide/decide-orders.js";

/** Ways to break the promises. */
export const SABOTAGE: Record<string, Sabotage> = {
  ...GATEWAY_SABOTAGE,
  // Every message decides anew, whatever was decided before, and the table takes the second decision.
  "no-inbox": {
    drill: "triple-and-shuffle",
    complaint: /^\(a\) /,
    patches: [
      {
        file: SETTLE_ORDERS,
        find: "findMovements(sql, [...events.keys()]),",
        replace: "[],",
      },
      {
        file: "product-service/dist/decide/stock.sql.js",
        find: "ORDER BY order_id`",
        replace: "ORDER BY order_id ON CONFLICT DO NOTHING`",
      },
    ],
  },
  "ack-before-commit": {
    drill: "kill-product-service",
    complaint: /is not settled$|are pending/,
    patches: [
      {
        file: CONSUMER,
        find: "const outcome = await handleUntilDone(",
        replace:
          "subscription.channel.ack(last.message, true); await new Promise((go) => setTimeout(go, 20)); const outcome = await handleUntilDone(",
      },
      NO_SWEEPER,
      { file: CONSUMER, find: "ackHandled(subscription, handled);", replace: "" },
    ],
  },
  "publish-outside-the-transaction": {
    drill: "kill-rabbitmq",
    complaint: /is not settled$|are pending/,
    patches: [
      {
        file: "service-kit/dist/outbox/unit-of-work.js",
        find: "open.alongside(insertLeased(open.sql, rows, LEASE_MS));",
        replace: ";",
      },
      NO_SWEEPER,
    ],
  },
  // What does not need the broker waits for it all the same.
  "refuses-without-broker": {
    drill: "kill-rabbitmq",
    complaint: /^heard POST \/orders 503 /,
    patches: [
      {
        file: "service-kit/dist/messaging/broker-connection.js",
        find: "this.isUp = true;",
        replace: "this.isUp = globalThis.brokerIsUp = true;",
      },
      {
        file: "service-kit/dist/messaging/broker-connection.js",
        find: "signal.removeEventListener(",
        replace: "globalThis.brokerIsUp = false; signal.removeEventListener(",
      },
      {
        file: "order-service/dist/place/place-order.js",
        find: "const claim = claimOf(request);",
        replace:
          'if (!globalThis.brokerIsUp) throw new ContractError("UNAVAILABLE", "no broker"); const claim = claimOf(request);',
      },
    ],
  },
  "parses-any-size": {
    drill: "poison",
    complaint: / has parsed what is too large$|^\d+ of \d+ in /,
    patches: [
      {
        file: "service-kit/dist/messaging/delivery.js",
        find: "content.length > MAX_MESSAGE_BYTES",
        replace: "false",
      },
    ],
  },
  "versions-always-decide": {
    drill: "restore-product-db",
    complaint: /^the restored price was answered 409$/,
    patches: [
      {
        file: "order-service/dist/products/product-memory.js",
        find: "Math.abs(a.asOf - b.asOf) <= VERSIONS_DECIDE_WITHIN_MS",
        replace: "true",
      },
      {
        file: "order-service/dist/products/product-memory.js",
        find: "known.confirmedAt >= product.asOf",
        replace: "true",
      },
    ],
  },
  "cache-without-version": {
    drill: "stale-set",
    complaint: /did not show what was written/,
    patches: [
      ...SLOW_READERS,
      {
        file: "service-kit/dist/cache/cache-scripts.js",
        find: "held > tonumber(version)",
        replace: "false",
      },
    ],
  },
  "list-without-token": {
    drill: "stale-set",
    complaint: /did not show what was written/,
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
