import type { Product } from "@shop/contracts/product";
import { connectBroker } from "@shop/test-support/broker-client";
import { call, type Call } from "@shop/test-support/http";
import { captureLog } from "@shop/test-support/log-capture";
import { claimVhost, createDatabase } from "@shop/test-support/servers";
import { connectSql } from "@shop/test-support/sql";
import { startRedis } from "local-stack/redis";
import { readProductServiceConfig } from "./config.ts";
import { startProductService } from "./product-service.ts";

/** product-service on real servers of the test file's own. `settings` are environment variables that win. */
export async function startFixture(settings: Record<string, string> = {}) {
  const [databaseUrl, vhostUrl, redis] = await Promise.all([
    createDatabase(),
    claimVhost(),
    startRedis({ name: "product-redis" }),
  ]);
  const environment = {
    PORT: "0",
    NODE_ENV: "test",
    LOG_LEVEL: "debug",
    DATABASE_URL: databaseUrl,
    RABBITMQ_URL: vhostUrl,
    REDIS_URL: redis.url,
    ...settings,
  };
  const log = captureLog();
  const start = (more: Record<string, string> = {}) =>
    startProductService(readProductServiceConfig({ ...environment, ...more }), {
      logDestination: log.destination,
    });
  const service = await start();
  const broker = await connectBroker(vhostUrl);
  const sql = connectSql(databaseUrl);

  const request = (path: string, options?: Call) => call(`${service.url}${path}`, options);
  return {
    environment,
    service,
    broker,
    sql,
    redis,
    log,
    /** Another instance on the same servers; the caller stops it. */
    startAnother: start,
    request,
    createProduct: async (body: Partial<Product> = {}): Promise<Product> => {
      const answer = await request("/products", {
        body: { name: "Laptop", price: 19.99, qty: 10, ...body },
      });
      if (answer.status !== 201) throw new Error(`not created: ${answer.text}`);
      return answer.body;
    },
    stop: async () => {
      await service.stop();
      await Promise.all([broker.close(), sql.end(), redis.stop()]);
    },
  };
}
