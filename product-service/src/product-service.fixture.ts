import { randomUUIDv7 } from "node:crypto";
import type { Order } from "@shop/contracts/order";
import type { Product } from "@shop/contracts/product";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { connectBroker } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { call, type Call } from "@shop/test-support/http";
import { startService } from "@shop/service-kit/start-service";
import { declareEverything } from "@shop/service-kit/messaging/declare-all";
import { captureLog } from "@shop/test-support/log-capture";
import { connectRedis } from "@shop/test-support/redis-client";
import { claimVhost, createDatabase } from "@shop/test-support/servers";
import { connectSql } from "@shop/test-support/sql";
import { startTcpProxy } from "@shop/test-support/tcp-proxy";
import { startRedis } from "local-stack/servers/redis";
import { expect } from "vitest";
import { AppModule } from "./app.module.ts";
import { readProductServiceConfig } from "./config.ts";

/** For thousands of orders on a busy machine. */
const STREAM_LIMIT_MS = 18_000;

export type Fixture = Awaited<ReturnType<typeof startFixture>>;

/**
 * product-service on real servers of the test file's own. The service reaches them on `ways` that can be cut or stalled; the
 * test's own `sql`, `broker` and `cache` go straight to them. `settings` are environment variables that win.
 */
export async function startFixture(settings: Record<string, string> = {}) {
  const [databaseUrl, vhostUrl, redis] = await Promise.all([
    createDatabase(),
    claimVhost(),
    startRedis({ name: "product-redis" }),
  ]);
  const ways = {
    database: await startTcpProxy(databaseUrl),
    broker: await startTcpProxy(vhostUrl),
    redis: await startTcpProxy(redis.url),
  };
  const environment = {
    PORT: "0",
    NODE_ENV: "test",
    LOG_LEVEL: "debug",
    DATABASE_URL: databaseUrl,
    RABBITMQ_URL: vhostUrl,
    REDIS_URL: redis.url,
    ...settings,
  };
  const onItsWays = {
    DATABASE_URL: ways.database.through(environment.DATABASE_URL),
    RABBITMQ_URL: ways.broker.through(environment.RABBITMQ_URL),
    REDIS_URL: ways.redis.through(environment.REDIS_URL),
  };
  const log = captureLog();
  const start = (more: Record<string, string> = {}) => {
    const config = readProductServiceConfig({ ...environment, ...more });
    return startService(AppModule.forRoot(config, { logDestination: log.destination }), config);
  };
  const service = await start(onItsWays);
  const [broker, cache] = await Promise.all([
    connectBroker(vhostUrl),
    connectRedis(redis.url),
    declareEverything(vhostUrl),
  ]);
  const sql = connectSql(databaseUrl);
  const told = await broker.receive("order.updated");

  const request = (path: string, options?: Call) => call(`${service.url}${path}`, options);
  const ready = (url: string = service.url) =>
    eventually(async () => {
      expect((await call(`${url}/health/ready`)).body.status).toBe("ok");
    });
  await ready();

  const stock = async (productId: number) => {
    const [row] = await sql<{ is: number; should: number }>(
      `SELECT qty AS is, (initial_qty
         + coalesce((SELECT sum(delta) FROM stock_adjustments WHERE product_id = p.id), 0)
         - coalesce((SELECT sum(qty) FROM stock_movements
                     WHERE product_id = p.id AND status = 'done'), 0))::int AS should
       FROM products AS p WHERE id = $1`,
      [productId],
    );
    return row;
  };
  const atRest = async (): Promise<void> => {
    expect(await broker.depth(ORDER_CREATED_QUEUE.name)).toBe(0);
    expect(await broker.depth(ORDER_CREATED_QUEUE.deadQueue)).toBe(0);
    expect(await sql("SELECT id FROM outbox")).toEqual([]);
  };

  return {
    environment,
    onItsWays,
    ways,
    service,
    broker,
    cache,
    sql,
    redis,
    log,
    /** Another instance, straight on the same servers; the caller stops it. */
    startAnother: start,
    request,
    /** Waits until all that an instance works with answers. */
    ready,
    createProduct: async (body: Partial<Product> = {}): Promise<Product> => {
      const answer = await request("/products", {
        body: { name: "Laptop", price: 19.99, qty: 10, ...body },
      });
      if (answer.status !== 201) throw new Error(`not created: ${answer.text}`);
      return answer.body;
    },
    outcomes: async (productId: number) => {
      const rows = await sql<{ outcome: string; count: number }>(
        `SELECT coalesce(reason, status) AS outcome, count(*)::int FROM stock_movements
         WHERE product_id = $1 GROUP BY 1`,
        [productId],
      );
      return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
    },
    /** Initial + adjustments − done orders, beside what is there. */
    stock,
    /** Nothing is left to take, to tell or to bury. */
    atRest,
    /** The statements that wait for a lock now. */
    lockWaits: () =>
      sql(
        `SELECT query FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      ),
    /** What order-service was told of this order, oldest first. */
    toldOf: (orderId: string) => told.filter(({ data }) => data.orderId === orderId),
    allDecided: (orders: readonly Order[]): Promise<void> =>
      eventually(async () => {
        const rows = await sql("SELECT 1 FROM stock_movements WHERE order_id = ANY($1::uuid[])", [
          orders.map(({ id }) => id),
        ]);
        expect(rows).toHaveLength(orders.length);
      }),
    /**
     * Waits until each order has one movement and was told its outcome, and no other, at least once; then nothing is left
     * over and the stock adds up.
     */
    allSettled: async (orders: readonly Order[]): Promise<void> => {
      const ids = [...new Set(orders.map(({ id }) => id))];
      const decided = await eventually(async () => {
        const rows = await sql<{ id: string; outcome: string }>(
          `SELECT order_id AS id, coalesce(reason, status) AS outcome
           FROM stock_movements WHERE order_id = ANY($1)`,
          [ids],
        );
        expect(rows).toHaveLength(ids.length);
        return rows;
      }, STREAM_LIMIT_MS);
      await eventually(atRest, STREAM_LIMIT_MS);
      await eventually(() => {
        const heard = new Map<string, Set<string>>();
        for (const { data } of told) {
          const outcomes = heard.get(data.orderId) ?? new Set();
          heard.set(data.orderId, outcomes.add(data.reason ?? data.status));
        }
        const wrong = decided.filter(
          ({ id, outcome }) => [...(heard.get(id) ?? [])].join(" and ") !== outcome,
        );
        expect(wrong).toEqual([]);
      });
      for (const productId of new Set(orders.map((order) => order.productId))) {
        const { is, should } = (await stock(productId)) ?? { is: 0, should: 0 };
        expect(is).toBe(should);
        expect(is).toBeGreaterThanOrEqual(0);
      }
    },
    stop: async () => {
      await service.stop();
      cache.destroy();
      await Promise.all([broker.close(), sql.end(), redis.stop()]);
      await Promise.all(Object.values(ways).map((way) => way.stop()));
    },
  };
}

export function orderFor(productId: number, more: Partial<Order> = {}): Order {
  const now = new Date().toISOString();
  const { qty = 1 } = more;
  return {
    id: randomUUIDv7(),
    productId,
    qty,
    unitPrice: 2.5,
    totalPrice: 2.5 * qty,
    status: "pending",
    reason: null,
    createdAt: now,
    updatedAt: now,
    ...more,
  };
}

export const ordersFor = (productId: number, count: number, more: Partial<Order> = {}): Order[] =>
  Array.from({ length: count }, () => orderFor(productId, more));
