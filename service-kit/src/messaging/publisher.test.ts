import { randomUUIDv7 } from "node:crypto";
import { EVENTS_EXCHANGE, ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { connectBroker, type BrokerClient } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { connect, type ChannelModel } from "amqplib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestLog } from "../kit.fixture.ts";
import { BrokerConnection } from "./broker-connection.ts";
import { declareEverything, declareTopology } from "./declare-all.ts";
import { Publisher, type Publication } from "./publisher.ts";

let url: string;
let client: BrokerClient;
let model: ChannelModel;
let proxy: TcpProxy;
let connection: BrokerConnection;
let publisher: Publisher;
let timesAvailable = 0;

beforeAll(async () => {
  url = await claimVhost();
  client = await connectBroker(url);
  model = await connect(url);
  proxy = await startTcpProxy(url);
  connection = new BrokerConnection(proxy.through(url), "a test", createTestLog().log);
  connection.onSession(declareTopology);
  publisher = new Publisher(connection);
  publisher.whenAvailable(() => (timesAvailable += 1));
  expect(publisher.available).toBe(false);
  connection.start();
});
afterAll(async () => {
  await connection.stop();
  await Promise.all([client.close(), model.close(), proxy.stop()]);
});
beforeEach(async () => {
  await eventually(() => expect(publisher.available).toBe(true));
  await client.purge(ORDER_CREATED_QUEUE.name);
});

const publication = (more: Partial<Publication> = {}): Publication => ({
  id: randomUUIDv7(),
  type: "order.created",
  requestId: "r-1",
  payload: '{"name":"Ñandú 🖥"}',
  ...more,
});

test("when a queue takes it, then it is confirmed, durable, and carries its ids", async () => {
  const sent = publication();
  expect(await publisher.publish([sent])).toEqual(["confirmed"]);
  const message = await client.take(ORDER_CREATED_QUEUE.name);
  expect(message?.content.toString()).toBe(sent.payload);
  expect(message?.fields).toMatchObject({ exchange: EVENTS_EXCHANGE, routingKey: "order.created" });
  expect(message?.properties).toMatchObject({
    deliveryMode: 2,
    messageId: sent.id,
    contentType: "application/json",
    correlationId: "r-1",
  });
});

test("when many are published at once, then each has its outcome and they arrive in order", async () => {
  const sent = Array.from({ length: 500 }, (_, n) => publication({ payload: String(n) }));
  expect(new Set(await publisher.publish(sent))).toEqual(new Set(["confirmed"]));
  expect(await client.depth(ORDER_CREATED_QUEUE.name)).toBe(500);
  for (const payload of ["0", "1", "2"]) {
    expect((await client.take(ORDER_CREATED_QUEUE.name))?.content.toString()).toBe(payload);
  }
});

test("when it is a hint that nobody listens to, then it is confirmed", async () => {
  expect(await publisher.publish([publication({ type: "product.updated" })])).toEqual([
    "confirmed",
  ]);
});

test("when there is nothing to publish, then there is no outcome", async () => {
  expect(await publisher.publish([])).toEqual([]);
});

test("when its queue is not bound any more, then it is returned, until its consumer has bound it again", async () => {
  await client.unbind(ORDER_CREATED_QUEUE.name, "order.created");
  const mixed = [publication(), publication({ type: "order.updated" }), publication()];
  expect(await publisher.publish(mixed)).toEqual(["returned", "confirmed", "returned"]);
  await declareEverything(url);
  expect(await publisher.publish(mixed)).toEqual(["confirmed", "confirmed", "confirmed"]);
});

test("when its queue was deleted, then it is returned, until its consumer has declared it again", async () => {
  await client.deleteQueue(ORDER_CREATED_QUEUE.name);
  expect(await publisher.publish([publication()])).toEqual(["returned"]);
  await declareEverything(url);
  expect(await publisher.publish([publication()])).toEqual(["confirmed"]);
});

test("when the same one is on its way twice and no queue takes it, then neither counts as published", async () => {
  await client.unbind(ORDER_CREATED_QUEUE.name, "order.created");
  const twice = publication();
  const outcomes = await Promise.all([
    publisher.publish([twice, twice]),
    publisher.publish([twice]),
  ]);
  expect(outcomes.flat()).toEqual(["returned", "returned", "returned"]);
  await declareEverything(url);
  expect(await publisher.publish([twice])).toEqual(["confirmed"]);
});

test("when a queue is full, then what it does not take is refused, and the session lives on", async () => {
  const channel = await model.createChannel();
  await channel.assertQueue("tiny", {
    exclusive: true,
    arguments: { "x-max-length": 1, "x-overflow": "reject-publish" },
  });
  await channel.bindQueue("tiny", EVENTS_EXCHANGE, "order.created");
  const before = timesAvailable;
  expect(await publisher.publish([publication()])).toEqual(["confirmed"]);
  expect(await publisher.publish([publication()])).toEqual(["refused"]);
  await channel.deleteQueue("tiny");
  expect(await publisher.publish([publication()])).toEqual(["confirmed"]);
  expect(timesAvailable).toBe(before);
});

test("when the connection is lost in the middle, then only what the broker has is confirmed", async () => {
  let confirmed = 0;
  // A quick broker has confirmed all of them before the cut: then once more.
  await eventually(async () => {
    const outcomes = await cutWhilePublishing(2_000);
    const now = outcomes.filter((outcome) => outcome === "confirmed").length;
    confirmed += now;
    expect(outcomes.filter((outcome) => outcome === "returned")).toEqual([]);
    expect(now).toBeLessThan(outcomes.length);
  });
  await eventually(async () =>
    expect(await client.depth(ORDER_CREATED_QUEUE.name)).toBeGreaterThanOrEqual(confirmed),
  );
});

async function cutWhilePublishing(count: number) {
  const publishing = publisher.publish(Array.from({ length: count }, () => publication()));
  await eventually(async () =>
    expect(await client.depth(ORDER_CREATED_QUEUE.name)).toBeGreaterThan(0),
  );
  await proxy.cut();
  const outcomes = await publishing;
  await proxy.restore();
  await eventually(() => expect(publisher.available).toBe(true));
  return outcomes;
}

test("when the broker is away, then nothing is published at once, and it says when it is back", async () => {
  await proxy.cut();
  await eventually(() => expect(publisher.available).toBe(false));
  expect(await publisher.publish([publication(), publication()])).toEqual(["unknown", "unknown"]);
  const before = timesAvailable;
  await proxy.restore();
  await eventually(() => expect(timesAvailable).toBe(before + 1));
  expect(await publisher.publish([publication()])).toEqual(["confirmed"]);
});
