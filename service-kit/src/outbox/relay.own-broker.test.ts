import { connectBroker } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { createDatabase } from "@shop/test-support/servers";
import { connectSql, type Sql } from "@shop/test-support/sql";
import { startRabbitmq, type RabbitmqServer } from "local-stack/servers/rabbitmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { idsOf, inOrder, startWriter, writeMany } from "./relay.fixture.ts";

/** A broker of its own, since an alarm and a kill touch everybody on it. */
let rabbitmq: RabbitmqServer;
let writer: Awaited<ReturnType<typeof startWriter>>;
let sql: Sql;

beforeAll(async () => {
  const [databaseUrl, server] = await Promise.all([
    createDatabase(),
    startRabbitmq({ name: "relay-rabbitmq" }),
  ]);
  rabbitmq = server;
  sql = connectSql(databaseUrl);
  writer = await startWriter(databaseUrl, rabbitmq.url);
  await eventually(() => expect(writer.publisher.available).toBe(true));
});
afterAll(async () => {
  await writer.stop();
  await Promise.all([rabbitmq.stop(), sql.end()]);
});

const count = async (): Promise<number> => (await sql("SELECT 1 FROM outbox")).length;
const untilEmpty = () => eventually(async () => expect(await count()).toBe(0), 15_000);

test("when the broker blocks publishers, then rows are kept, nothing piles up, and all is published when it lets them", async () => {
  const client = await connectBroker(rabbitmq.url);
  const heard = await client.receive("order.created");
  await rabbitmq.control(["set_vm_memory_high_watermark", "0"]);
  // The broker says so to whoever publishes.
  await writeMany(0, 10, writer);
  await eventually(() => expect(writer.publisher.available).toBe(false));
  await writeMany(10, 60, writer);
  expect(await count()).toBeGreaterThanOrEqual(50);
  expect(writer.connection.up).toBe(true);

  await rabbitmq.control(["set_vm_memory_high_watermark", "0.4"]);
  await eventually(() => expect(writer.publisher.available).toBe(true));
  await untilEmpty();
  await eventually(() => expect([...new Set(inOrder(heard))]).toEqual(idsOf(0, 60)));
  await client.close();
}, 40_000);

test("when the broker is killed and comes back, then all that was committed meanwhile is published", async () => {
  await rabbitmq.kill();
  await eventually(() => expect(writer.publisher.available).toBe(false));
  await writeMany(100, 130, writer);
  expect(await count()).toBe(30);
  await rabbitmq.restart();
  const client = await connectBroker(rabbitmq.url);
  const heard = await client.receive("order.created");
  await eventually(() => expect(writer.publisher.available).toBe(true));
  await untilEmpty();
  // Those that were published before we listened are in their queue all the same.
  const inQueue = await client.depth("product-service.order-created");
  expect(inQueue).toBeGreaterThanOrEqual(30);
  expect(heard.length).toBeLessThanOrEqual(30);
  await client.close();
}, 60_000);
