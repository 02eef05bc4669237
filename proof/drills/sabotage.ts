import { createHash } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import { ContractError } from "@shop/contracts/errors";
import { GATEWAY_SABOTAGE } from "./gateway-sabotage.ts";
import { CAN_CRASH, SHORT_KEEP_ALIVE, SLOW_READERS, type Changes, type Sabotage } from "./seams.ts";

/** Without the reconciler, which heals a lost message: with it no drill could see that one was lost. */
const NO_RECONCILER: Changes = {
  "order-service/src/reconcile/pending.sql": { takeOverduePending: () => async () => [] },
};

const connections: { readonly up: boolean }[] = [];

const scriptOf = (SCRIPT: string) => ({
  SCRIPT,
  SHA1: createHash("sha1").update(SCRIPT).digest("hex"),
});

/** Ways to break the promises of the services; those of the gateway are in gateway-sabotage.ts. */
const SERVICE_SABOTAGE: Record<string, Sabotage> = {
  // Every message is decided, whatever was decided before, and the table takes the second decision.
  "no-inbox": {
    drill: "triple-and-shuffle",
    complaint: /^\(a\) /,
    changes: {
      "product-service/src/decide/stock.sql": {
        findMovements: () => async () => [],
        insertMovements: (original) => (sql, decisions, decidedAt) =>
          original(
            { query: (text, values) => sql.query(`${text} ON CONFLICT DO NOTHING`, values) },
            decisions,
            decidedAt,
          ),
      },
    },
  },
  "ack-before-commit": {
    drill: "kill-product-service",
    complaint: /is not settled$|are pending/,
    changes: {
      ...NO_RECONCILER,
      "service-kit/src/messaging/subscription": {
        takeMessages: (original) => (subscription, most) => {
          const messages = original(subscription, most);
          const last = messages.at(-1);
          if (last) subscription.channel.ack(last, true);
          return messages;
        },
        ackHandled: () => () => undefined,
      },
      "service-kit/src/messaging/handle-batch": {
        // The ack is on its way before the work begins.
        handleUntilDone: (original) => async (handling, events, mayGoOn) => {
          await rest(20);
          return original(handling, events, mayGoOn);
        },
      },
    },
  },
  "publish-outside-the-transaction": {
    drill: "kill-rabbitmq",
    complaint: /is not settled$|are pending/,
    changes: {
      ...NO_RECONCILER,
      "service-kit/src/outbox/outbox.sql": { insertLeased: () => async () => undefined },
    },
  },
  "refuses-without-broker": {
    drill: "kill-rabbitmq",
    complaint: /^heard POST \/orders 503 /,
    changes: {
      "service-kit/src/messaging/broker-connection": {
        BrokerConnection: (Original) =>
          class extends Original {
            constructor(...options: ConstructorParameters<typeof Original>) {
              super(...options);
              connections.push(this);
            }
          },
      },
      "order-service/src/place/place-order": {
        PlaceOrder: (Original) =>
          class extends Original {
            override async execute(
              request: Parameters<InstanceType<typeof Original>["execute"]>[0],
            ) {
              if (!connections.every(({ up }) => up))
                throw new ContractError("UNAVAILABLE", "no broker");
              return super.execute(request);
            }
          },
      },
    },
  },
  "parses-any-size": {
    drill: "poison",
    complaint: / has parsed what is too large$|^\d+ of \d+ in /,
    changes: {
      "service-kit/src/messaging/delivery": {
        faultOfSize: () => () => undefined,
        decode: (original) => (message, types) => {
          try {
            JSON.parse(message.content.toString());
          } catch {
            return { message, fault: "not JSON" };
          }
          return original(message, types);
        },
      },
    },
  },
  // Also between values that are minutes apart.
  "versions-always-decide": {
    drill: "restore-product-db",
    complaint: /^the restored price was answered 409$/,
    changes: {
      "service-kit/src/cache/cache-scripts": { VERSIONS_DECIDE_WITHIN_MS: () => Infinity as 5_000 },
      "order-service/src/products/product-memory": {
        ProductMemory: (Original) =>
          class extends Original {
            override putAnswer(product: Parameters<InstanceType<typeof Original>["putEvent"]>[0]) {
              return this.putEvent(product);
            }
          },
      },
    },
  },
  // Any value may take the place of a newer one.
  "cache-without-version": {
    drill: "stale-set",
    complaint: /did not show what was written/,
    changes: {
      ...SLOW_READERS,
      "service-kit/src/cache/cache-scripts": {
        cacheScripts: ({ storeVersioned, ...others }) => ({
          ...others,
          storeVersioned: {
            ...storeVersioned,
            ...scriptOf(`
              for i, key in ipairs(KEYS) do
                redis.call('SET', key, ARGV[4 * i - 2])
                redis.call('PEXPIREAT', key, ARGV[4 * i - 1])
              end
              return #KEYS`),
          },
        }),
      },
    },
  },
  // A list is stored whatever was written since its query.
  "list-without-token": {
    drill: "stale-set",
    complaint: /did not show what was written/,
    changes: {
      ...SLOW_READERS,
      "service-kit/src/cache/cache-scripts": {
        cacheScripts: ({ storeIfUnchanged, ...others }) => ({
          ...others,
          storeIfUnchanged: {
            ...storeIfUnchanged,
            ...scriptOf(`
              redis.call('SET', KEYS[1], ARGV[2])
              redis.call('PEXPIREAT', KEYS[1], ARGV[3])
              return 1`),
          },
        }),
      },
    },
  },
};

export const SABOTAGE: Record<string, Sabotage> = { ...SERVICE_SABOTAGE, ...GATEWAY_SABOTAGE };

/** What drills need to see what they look for. */
const FOR_DRILLS: Record<string, Changes> = {
  "can-crash": CAN_CRASH,
  "slow-readers": SLOW_READERS,
  "short-keep-alive": SHORT_KEEP_ALIVE,
};

export function changesNamed(name: string): Changes {
  const changes = FOR_DRILLS[name] ?? SABOTAGE[name]?.changes ?? (SABOTAGE[name] && {});
  if (changes === undefined) throw new Error(`there are no changes "${name}"`);
  return changes;
}
