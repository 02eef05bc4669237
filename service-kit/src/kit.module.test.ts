import { Controller, Injectable, Module, Post } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { connectBroker, type BrokerClient } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { claimVhost, createDatabase } from "@shop/test-support/servers";
import { connectSql, type Sql } from "@shop/test-support/sql";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { startRedis } from "local-stack/servers/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { readConfig } from "./config/read-config.ts";
import { redisVariables, serviceVariables } from "./config/variables.ts";
import { createTestLog, someOrder, testSchema } from "./kit.fixture.ts";
import { KitModule } from "./kit.module.ts";
import { ConsumeBatches } from "./messaging/consumers.ts";
import { UnitOfWork } from "./outbox/unit-of-work.ts";
import type { RunningProgram } from "./program.ts";
import { startService } from "./start-service.ts";

@Controller()
class FactsController {
  constructor(private readonly work: UnitOfWork) {}

  @Post("facts")
  async make(): Promise<{ id: string }> {
    const data = someOrder();
    await this.work.transact(async ({ emit }) => {
      emit("order.created", { subject: data.id, data });
    });
    return { id: data.id };
  }
}

const taken: string[] = [];

@Injectable()
class TakeOrders {
  @ConsumeBatches(ORDER_CREATED_QUEUE, ["order.created"])
  async handle(
    events: readonly EventOf<"order.created">[],
  ): Promise<readonly EventOf<"order.created">[]> {
    taken.push(...events.map(({ data }) => data.id));
    return [];
  }
}

@Module({ controllers: [FactsController], providers: [TakeOrders] })
class FactsModule {}

let redis: Awaited<ReturnType<typeof startRedis>>;
let client: BrokerClient;
let sql: Sql;
let toDatabase: TcpProxy;
let toBroker: TcpProxy;
let service: RunningProgram;
const testLog = createTestLog();

beforeAll(async () => {
  const [databaseUrl, vhostUrl, server] = await Promise.all([
    createDatabase(),
    claimVhost(),
    startRedis({ name: "kit-redis" }),
  ]);
  redis = server;
  [toDatabase, toBroker] = await Promise.all([startTcpProxy(databaseUrl), startTcpProxy(vhostUrl)]);
  sql = connectSql(databaseUrl);
  client = await connectBroker(vhostUrl);
  const config = readConfig(z.object({ ...serviceVariables, ...redisVariables }), {
    NODE_ENV: "test",
    LOG_LEVEL: "debug",
    LOG_EVENTS: "true",
    DATABASE_URL: toDatabase.through(databaseUrl),
    REDIS_URL: redis.url,
    RABBITMQ_URL: toBroker.through(vhostUrl),
  });
  // Everything is away when the service starts.
  await Promise.all([toDatabase.cut(), toBroker.cut(), redis.kill()]);

  const kit = KitModule.forRoot({
    name: "facts",
    config,
    schema: testSchema,
    logDestination: testLog.destination,
  });
  service = await startService(
    { module: FactsModule, imports: [kit] },
    { HOST: "127.0.0.1", PORT: 0 },
  );
});
afterAll(async () => {
  await service.stop();
  await Promise.all([toDatabase.stop(), toBroker.stop(), redis.stop(), client.close(), sql.end()]);
});

const get = (path: string) => call(`${service.url}${path}`);
const post = () => call(`${service.url}/facts`, { method: "POST" });
const untilHealthIs = (status: number, checks: object) =>
  eventually(async () => {
    const answer = await get("/health/ready");
    expect(answer.body.checks).toMatchObject(checks);
    expect(answer.status).toBe(status);
  }, 15_000);

// In this order: each leaves the servers as the next one finds them.
describe("a service on its kit", () => {
  test("when everything is away at its start, then it lives, says what it waits for, and answers 503 with Retry-After", async () => {
    expect(await get("/health/live")).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await get("/health/ready")).toMatchObject({
      status: 503,
      body: {
        status: "down",
        checks: { database: "down", broker: "degraded", consumers: "degraded", redis: "degraded" },
      },
    });
    const answer = await post();
    expect(answer).toMatchObject({ status: 503, body: { code: "UNAVAILABLE" } });
    expect(answer.headers["retry-after"]).toBe("1");
    const { text } = await get("/metrics");
    for (const line of [
      "outbox_rows Nan",
      "outbox_oldest_seconds Nan",
      'queue_messages{queue="product-service.order-created"} Nan',
      'dead_letter_queue_messages{queue="product-service.order-created"} Nan',
      'health_check{check="database"} 0',
    ]) {
      expect(text).toContain(line);
    }
  });

  test("when the database comes, then it is ready, and keeps what it has to tell for the broker", async () => {
    await toDatabase.restore();
    await untilHealthIs(200, { database: "ok", broker: "degraded" });
    expect((await post()).status).toBe(201);
    const { text } = await get("/metrics");
    expect(text).toContain("outbox_rows 1\n");
    expect(text).toMatch(/^outbox_oldest_seconds [0-9.]*[1-9]/m);
    expect(text).toContain('health_check{check="database"} 1');
    expect(text).toContain('health_check{check="broker"} 0');
    expect(taken).toEqual([]);
  });

  test("when the broker and Redis come, then all is well, and what was kept is told and taken", async () => {
    await Promise.all([toBroker.restore(), redis.restart()]);
    await untilHealthIs(200, { database: "ok", broker: "ok", consumers: "ok", redis: "ok" });
    expect((await get("/health/ready")).body.status).toBe("ok");
    await eventually(() => expect(taken).toHaveLength(1));
    await eventually(async () => expect((await get("/metrics")).text).toContain("outbox_rows 0\n"));
    const { headers, text } = await get("/metrics");
    expect(headers["content-type"]).toContain("text/plain");
    expect(text).toContain("outbox_oldest_seconds 0\n");
    expect(text).toContain('health_check{check="broker"} 1');
    expect(text).toContain("events_published_total 1");
    expect(text).toMatch(
      /http_request_seconds_count\{method="POST",route="\/facts",status="201"\} 1/,
    );
  });

  test("when a request makes an event, then one id follows it through the answer, the log and the event", async () => {
    const heard = await client.receive("order.created");
    const answer = await call(`${service.url}/facts`, {
      method: "POST",
      headers: { "x-request-id": "follow-me" },
    });
    expect(answer.headers["x-request-id"]).toBe("follow-me");
    await eventually(() => expect(heard).toMatchObject([{ requestId: "follow-me" }]));
    await eventually(() => expect(taken).toContain(answer.body.id));
    const followed = () => testLog.lines.filter(({ requestId }) => requestId === "follow-me");
    await eventually(() =>
      expect(new Set(followed().map(({ msg }) => msg))).toEqual(
        new Set(["answered", "event published", "event consumed"]),
      ),
    );
    expect(followed().find(({ msg }) => msg === "event published")?.level).toBe("info");
  });

  test("when the broker goes, then the service stays ready and degraded, and recovers", async () => {
    await toBroker.cut();
    await untilHealthIs(200, { database: "ok", broker: "degraded", consumers: "degraded" });
    expect((await get("/health/ready")).body.status).toBe("degraded");
    await toBroker.restore();
    await untilHealthIs(200, { broker: "ok", consumers: "ok" });
  });

  test("when the database goes, then it is not ready, and recovers", async () => {
    await toDatabase.cut();
    await untilHealthIs(503, { database: "down" });
    expect((await post()).status).toBe(503);
    await toDatabase.restore();
    await untilHealthIs(200, { database: "ok" });
    expect((await post()).status).toBe(201);
  });

  test("when it stops, then nothing is left in the outbox, and no connection stays", async () => {
    await Promise.all(Array.from({ length: 20 }, post));
    await service.stop();
    expect(await sql("SELECT * FROM outbox")).toEqual([]);
    await eventually(async () =>
      expect(
        await sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'facts'"),
      ).toEqual([]),
    );
    expect(testLog.lines.at(-1)).toMatchObject({ msg: "stopped" });
  });
});
