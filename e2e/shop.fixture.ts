import type { Order } from "@shop/contracts/order";
import type { Product } from "@shop/contracts/product";
import { SERVICE_NAMES, SERVICES, type ServiceName } from "@shop/contracts/services";
import { connectBroker } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { asService, claimVhost, createAccount, createDatabase } from "@shop/test-support/servers";
import { startServiceProcess, type ServiceProcess } from "@shop/test-support/service-process";
import { connectSql } from "@shop/test-support/sql";
import { startTcpProxy } from "@shop/test-support/tcp-proxy";
import { temporaryPasswords, urlFor } from "local-stack/servers/accounts";
import { lastingPorts } from "local-stack/processes/ports";
import { startRedis } from "local-stack/servers/redis";
import { redisOf, SERVERS, type RedisServer } from "local-stack/servers/server-table";
import { LOOK_EVERY_MS } from "@shop/service-kit/messaging/watch-consumer";
import { expect } from "vitest";
import { unrest, violations } from "@shop/test-support/checker";
import { Ledger } from "@shop/test-support/ledger";

export type Shop = Awaited<ReturnType<typeof startShop>>;

/** Settling and healing after the last fault: a consumer's look at its queue, the longest lease, the longest backoff and the work itself. */
const REST_LIMIT_MS = LOOK_EVERY_MS + 12_000;

/** Those whose instances a test may kill and cut off one by one. */
const MAIN_SERVICES: ReadonlySet<ServiceName> = new Set(["product-service", "order-service"]);

/** A program that can be killed and started again on its port. */
async function startProgram(folder: ServiceName, environment: Record<string, string>) {
  const lines: string[] = [];
  let running: ServiceProcess;
  let runs = false;
  const start = async (): Promise<void> => {
    running = await startServiceProcess(folder, environment);
    runs = true;
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const code = await running.end(signal);
    runs = false;
    lines.push(...running.lines);
    return code;
  };
  await start();
  return {
    url: `http://127.0.0.1:${environment["PORT"]}`,
    /** All that it has logged, over all its starts. */
    lines: (): string[] => [...lines, ...running.lines],
    start,
    end,
    isRunning: (): boolean => runs,
    ready: (): Promise<void> =>
      eventually(async () => {
        expect((await call(`${running.url}/health/ready`)).body.status).toBe("ok");
      }),
  };
}

/** The service's own account, which may not change the tables, and the one that makes them. */
const accountOn = async (databaseUrl: string) => ({
  DATABASE_URL: await createAccount(databaseUrl),
  MIGRATION_DATABASE_URL: databaseUrl,
});

async function startServiceRedis(name: RedisServer) {
  const { service, keys = [] } = SERVERS[name];
  const passwordOf = temporaryPasswords();
  const redis = await startRedis({ name, users: [{ name: service!, keys }], passwordOf });
  return Object.assign(redis, { serviceUrl: urlFor(redis.url, service!, passwordOf) });
}

/** A service that no test here cuts off: what it consumes and answers is there, so that the shop is whole. */
async function startOther(name: ServiceName, vhostUrl: string, settings: Record<string, string>) {
  const redisName = redisOf(name);
  const [databaseUrl, redis, [port]] = await Promise.all([
    createDatabase(),
    redisName === undefined ? undefined : startServiceRedis(redisName),
    lastingPorts(1),
  ]);
  const program = await startProgram(name, {
    ...settings,
    PORT: `${port}`,
    ...(await accountOn(databaseUrl)),
    RABBITMQ_URL: asService(vhostUrl, name),
    ...(redis !== undefined && { REDIS_URL: redis.serviceUrl }),
  });
  return { name, program, redis };
}

/** The real programs, with their real accounts, on servers of the test file's own. The way of each service to the broker can be cut. */
export async function startShop(
  options: {
    instances?: number;
    /** Environment variables of both services. */
    settings?: Record<string, string>;
    orderSettings?: Record<string, string>;
  } = {},
) {
  const { instances = 1, settings = {}, orderSettings = {} } = options;
  const [productUrl, orderUrl, vhostUrl, productRedis, orderRedis, ports] = await Promise.all([
    createDatabase(),
    createDatabase(),
    claimVhost(),
    startServiceRedis("product-redis"),
    startServiceRedis("order-redis"),
    lastingPorts(instances * 2),
  ]);
  const [productBroker, orderBroker, broker, productAccount, orderAccount] = await Promise.all([
    startTcpProxy(vhostUrl),
    startTcpProxy(vhostUrl),
    connectBroker(vhostUrl),
    accountOn(productUrl),
    accountOn(orderUrl),
  ]);
  const truth = { products: connectSql(productUrl), orders: connectSql(orderUrl), broker };
  const both = { NODE_ENV: "test", LOG_LEVEL: "info", LOG_EVENTS: "true", ...settings };
  const products = await Promise.all(
    ports.slice(0, instances).map((port) =>
      startProgram("product-service", {
        ...both,
        PORT: `${port}`,
        ...productAccount,
        RABBITMQ_URL: productBroker.through(asService(vhostUrl, "product-service")),
        REDIS_URL: productRedis.serviceUrl,
      }),
    ),
  );
  const orders = await Promise.all(
    ports.slice(instances).map((port) =>
      startProgram("order-service", {
        ...both,
        PORT: `${port}`,
        ...orderAccount,
        RABBITMQ_URL: orderBroker.through(asService(vhostUrl, "order-service")),
        REDIS_URL: orderRedis.serviceUrl,
        PRODUCT_SERVICE_URLS: products.map(({ url }) => url).join(","),
        ...orderSettings,
      }),
    ),
  );
  const others = await Promise.all(
    SERVICE_NAMES.filter((name) => !MAIN_SERVICES.has(name)).map((name) =>
      startOther(name, vhostUrl, both),
    ),
  );
  const programs = [...products, ...orders, ...others.map(({ program }) => program)];
  const ready = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.ready()));
  };
  await ready();

  const product = products[0]!;
  const order = orders[0]!;
  const ledger = new Ledger();
  return {
    product,
    order,
    products,
    orders,
    /** What the gateway gets to know of the services. */
    urls: {
      PRODUCT_SERVICE_URLS: products.map(({ url }) => url).join(","),
      ORDER_SERVICE_URLS: orders.map(({ url }) => url).join(","),
      ...Object.fromEntries(
        others.map(({ name, program }) => [SERVICES[name].urlsVariable, program.url]),
      ),
    },
    ready,
    broker,
    /** Another client of the broker, whose queues go when it is closed. */
    connectBroker: () => connectBroker(vhostUrl),
    /** The operator's. */
    addresses: { orderDb: orderUrl, productDb: productUrl, rabbitmq: vhostUrl },
    /** What each service connects with. */
    accounts: {
      product: { database: productAccount.DATABASE_URL, redis: productRedis.serviceUrl },
      order: { database: orderAccount.DATABASE_URL, redis: orderRedis.serviceUrl },
      brokerOf: (service: string) => asService(vhostUrl, service),
    },
    ways: { product: productBroker, order: orderBroker },
    truth,
    ledger,
    createProduct: async (body: Partial<Product> = {}): Promise<Product> => {
      const answer = await call(`${product.url}/products`, {
        body: { name: "Laptop", price: 10, qty: 100, ...body },
      });
      if (answer.status !== 201) throw new Error(`not created: ${answer.text}`);
      return answer.body;
    },
    stockOf: async (id: number): Promise<number> =>
      (await call<Product>(`${product.url}/products/${id}`)).body.qty,
    orderOf: async (id: string): Promise<Order> =>
      (await call<Order>(`${order.url}/orders/${id}`)).body,
    /** How the orders of a product ended. */
    outcomes: async (productId: number): Promise<Record<string, number>> => {
      const rows = await truth.orders<{ outcome: string; count: number }>(
        `SELECT coalesce(reason, status) AS outcome, count(*)::int FROM orders
         WHERE product_id = $1 GROUP BY 1`,
        [productId],
      );
      return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
    },
    /** Waits until nothing is in flight, and checks every promise. */
    settlesRightly: async (): Promise<void> => {
      await eventually(async () => expect(await unrest(truth)).toEqual([]), REST_LIMIT_MS);
      expect(await violations(truth, ledger)).toEqual([]);
    },
    stop: async () => {
      await Promise.all(programs.map((program) => program.end("SIGKILL")));
      await Promise.all([broker.close(), truth.products.end(), truth.orders.end()]);
      await Promise.all([productRedis.stop(), orderRedis.stop()]);
      await Promise.all(others.map(async ({ redis }) => redis?.stop()));
      await Promise.all([productBroker.stop(), orderBroker.stop()]);
    },
  };
}
