import type { EventData } from "@shop/contracts/event";
import type { Order } from "@shop/contracts/order";
import { connectBroker } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { call, type Answer, type Call } from "@shop/test-support/http";
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
import { readOrderServiceConfig } from "./config.ts";
import { startFakeProductService } from "./products/fake-product-service.fixture.ts";

export type Fixture = Awaited<ReturnType<typeof startFixture>>;

/** The servers of a test file's own, and a way to each that can be cut or stalled. */
export async function startServers(settings: Record<string, string> = {}) {
  const [databaseUrl, vhostUrl, redis, products] = await Promise.all([
    createDatabase(),
    claimVhost(),
    startRedis({ name: "order-redis" }),
    startFakeProductService(),
  ]);
  const [database, brokerWay] = await Promise.all([
    startTcpProxy(databaseUrl),
    startTcpProxy(vhostUrl),
  ]);
  const [broker, cache] = await Promise.all([
    connectBroker(vhostUrl),
    connectRedis(redis.url),
    declareEverything(vhostUrl),
  ]);
  const sql = connectSql(databaseUrl);
  const environment = {
    PORT: "0",
    NODE_ENV: "test",
    LOG_LEVEL: "debug",
    DATABASE_URL: database.through(databaseUrl),
    RABBITMQ_URL: brokerWay.through(vhostUrl),
    REDIS_URL: redis.url,
    PRODUCT_SERVICE_URLS: products.url,
    ...settings,
  };
  return {
    environment,
    ways: { database, broker: brokerWay },
    products,
    redis,
    /** The test's own looks, straight to the servers. */
    broker,
    cache,
    sql,
    /** As product-service does it. */
    declareQueues: () => declareEverything(vhostUrl),
    stop: async () => {
      cache.destroy();
      await Promise.all([broker.close(), sql.end()]);
      await Promise.all([redis.stop(), products.stop(), database.stop(), brokerWay.stop()]);
    },
  };
}

/** order-service on those servers, with a fake product-service. `settings` are environment variables that win. */
export async function startFixture(settings: Record<string, string> = {}) {
  const servers = await startServers(settings);
  const log = captureLog();
  const start = (more: Record<string, string> = {}) => {
    const config = readOrderServiceConfig({ ...servers.environment, ...more });
    return startService(AppModule.forRoot(config, { logDestination: log.destination }), config);
  };
  const service = await start();
  const request = (path: string, options?: Call) => call(`${service.url}${path}`, options);
  const ready = (url: string = service.url) =>
    eventually(async () => {
      expect((await call(`${url}/health/ready`)).body.status).toBe("ok");
    });
  await ready();

  const place = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    request("/orders", { body, headers });
  return {
    ...servers,
    log,
    service,
    /** Another instance on the same servers; the caller stops it. */
    startAnother: start,
    request,
    place,
    /** Waits until all that an instance works with answers. */
    ready,
    placed: async (body: { productId: number; qty?: number }): Promise<Order> => {
      const answer = await place({ qty: 1, ...body });
      if (answer.status !== 201) throw new Error(`not placed: ${answer.text}`);
      return answer.body;
    },
    /** As product-service tells it. */
    decide: (
      { id, productId }: Pick<Order, "id" | "productId">,
      reason: EventData<"order.updated">["reason"] = null,
    ) =>
      servers.broker.publish("order.updated", {
        orderId: id,
        productId,
        status: reason === null ? "done" : "rejected",
        reason,
        decidedAt: new Date().toISOString(),
      }),
    /** Waits until the event with this request id was taken. */
    taken: (requestId: string) =>
      eventually(() => {
        const lines = log.lines.filter(({ msg }) => msg === "event consumed");
        expect(lines).toContainEqual(expect.objectContaining({ requestId }));
      }),
    stop: async () => {
      await service.stop();
      await servers.stop();
    },
  };
}
