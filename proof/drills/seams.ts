import { existsSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";

/**
 * The places of the programs that drills change: modules by their path, with the type of what they export. An export that was
 * renamed or has another signature no longer compiles here. The programs themselves know nothing of it.
 */
export interface Seams {
  "gateway/src/server": typeof import("../../gateway/src/server.ts");
  "gateway/src/listener/slow-clients": typeof import("../../gateway/src/listener/slow-clients.ts");
  "gateway/src/listener/waiting-bytes": typeof import("../../gateway/src/listener/waiting-bytes.ts");
  "gateway/src/steps/route-table": typeof import("../../gateway/src/steps/route-table.ts");
  "gateway/src/steps/load-shedding": typeof import("../../gateway/src/steps/load-shedding.ts");
  "gateway/src/upstream/deadline": typeof import("../../gateway/src/upstream/deadline.ts");
  "gateway/src/upstream/instances": typeof import("../../gateway/src/upstream/instances.ts");
  "order-service/src/reconcile/pending.sql": typeof import("../../order-service/src/reconcile/pending.sql.ts");
  "order-service/src/place/place-order": typeof import("../../order-service/src/place/place-order.ts");
  "order-service/src/products/product-memory": typeof import("../../order-service/src/products/product-memory.ts");
  "product-service/src/decide/stock.sql": typeof import("../../product-service/src/decide/stock.sql.ts");
  "service-kit/src/cache/cache-scripts": typeof import("../../service-kit/src/cache/cache-scripts.ts");
  "service-kit/src/database/database": typeof import("../../service-kit/src/database/database.ts");
  "service-kit/src/http/create-http-app": typeof import("../../service-kit/src/http/create-http-app.ts");
  "service-kit/src/http/strict-json": typeof import("../../service-kit/src/http/strict-json.ts");
  "service-kit/src/log/request-id": typeof import("../../service-kit/src/log/request-id.ts");
  "service-kit/src/messaging/broker-connection": typeof import("../../service-kit/src/messaging/broker-connection.ts");
  "service-kit/src/messaging/delivery": typeof import("../../service-kit/src/messaging/delivery.ts");
  "service-kit/src/messaging/handle-batch": typeof import("../../service-kit/src/messaging/handle-batch.ts");
  "service-kit/src/messaging/subscription": typeof import("../../service-kit/src/messaging/subscription.ts");
  "service-kit/src/outbox/outbox.sql": typeof import("../../service-kit/src/outbox/outbox.sql.ts");
  "service-kit/src/outbox/published-marks": typeof import("../../service-kit/src/outbox/published-marks.ts");
  "shared-contracts/src/product": typeof import("../../shared-contracts/src/product.ts");
  undici: typeof import("undici");
}

/** New exports in the place of old ones, each made from the one that it replaces. */
type Replacements<Module> = {
  readonly [Name in keyof Module]?: (original: Module[Name], module: Module) => Module[Name];
};

export type Changes = { readonly [Seam in keyof Seams]?: Replacements<Seams[Seam]> };

/** A way to break the programs on purpose. */
export interface Sabotage {
  /** The drill that must notice. */
  readonly drill: string;
  /** What it must complain of: on a busy machine a drill may have something else to complain of. */
  readonly complaint: RegExp;
  readonly changes?: Changes;
  /** Flags of Node. */
  readonly flags?: string;
}

/** Kills the program when a drill has asked for it: the file says "product-service between commit and ack". */
function dieIfAsked(point: CrashPoint): void {
  const order = process.env["DRILL_CRASH_ORDER"] ?? "";
  if (!existsSync(order)) return;
  const [program, ...words] = readFileSync(order, "utf8").split(" ");
  if (!process.cwd().endsWith(program!) || words.join(" ") !== point) return;
  rmSync(order);
  process.kill(process.pid, "SIGKILL");
}

export const CRASH_POINTS = ["between commit and ack", "between confirm and mark"] as const;
type CrashPoint = (typeof CRASH_POINTS)[number];

export const CAN_CRASH: Changes = {
  "service-kit/src/messaging/subscription": {
    ackHandled: (original) => (subscription, handled) => {
      dieIfAsked("between commit and ack");
      original(subscription, handled);
    },
  },
  "service-kit/src/outbox/published-marks": {
    PublishedMarks: (Original) =>
      class extends Original {
        override add(ids: readonly string[]): void {
          dieIfAsked("between confirm and mark");
          super.add(ids);
        }
      },
  },
};

/**
 * Readers wait after their query, for longer than a write takes on a busy machine: a writer nearly always comes between a reader's
 * query and its set.
 */
export const SLOW_READERS: Changes = {
  "service-kit/src/database/database": {
    Database: (Original) =>
      class extends Original {
        constructor(...options: ConstructorParameters<typeof Original>) {
          super(...options);
          const { sql } = this;
          const query: typeof sql.query = async (text, values) => {
            const rows = await sql.query(text, values);
            if (text.startsWith("SELECT")) await rest(Math.random() * 200);
            return rows as never;
          };
          Object.assign(this, { sql: { query } });
        }
      },
  },
};

const SHORT_KEEP_ALIVE_MS = { gateway: 3_000, services: 2_000 };

/** Both sides close idle connections after seconds instead of a minute. */
export const SHORT_KEEP_ALIVE: Changes = {
  "gateway/src/server": {
    createHttpServer:
      (original) =>
      (...options) =>
        Object.assign(original(...options), { keepAliveTimeout: SHORT_KEEP_ALIVE_MS.gateway }),
  },
  "service-kit/src/http/create-http-app": {
    createHttpApp:
      (original) =>
      async (...options) => {
        const app = await original(...options);
        app.getHttpServer().keepAliveTimeout = SHORT_KEEP_ALIVE_MS.services;
        return app;
      },
  },
};
