import { DEAD_EXCHANGE, EVENTS_EXCHANGE, WORK_QUEUES } from "@shop/contracts/topology";
import { connectBroker, eventOf, type BrokerClient } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestLog, someOrder } from "../kit.fixture.ts";
import { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";
import { declareTopology } from "./declare-all.ts";

let client: BrokerClient;
let session: BrokerSession;
let connection: BrokerConnection;

beforeAll(async () => {
  const url = await claimVhost();
  client = await connectBroker(url);
  connection = new BrokerConnection(url, "a test", createTestLog().log);
  connection.onSession(declareTopology);
  connection.onSession(async (own) => {
    session = own;
  });
  connection.start();
  await eventually(() => expect(connection.up).toBe(true));
});
afterAll(async () => {
  await connection.stop();
  await client.close();
});

const order = JSON.stringify(eventOf("order.created", someOrder()));

test("when an event is published, then the work queue of its type has it, and no other", async () => {
  const [orders, updates] = WORK_QUEUES;
  await client.send("order.created", order);
  expect(await client.depth(orders!.name)).toBe(1);
  expect(await client.depth(updates!.name)).toBe(0);
  await client.purge(orders!.name);
});

test.each(WORK_QUEUES)("when $name refuses a message, then $deadQueue has it", async (queue) => {
  await client.send(queue.types[0]!, "poison");
  const channel = await session.channel();
  const message = await channel.get(queue.name);
  if (message) channel.reject(message, false);
  const dead = await eventually(async () => {
    const taken = await client.take(queue.deadQueue);
    expect(taken).toBeDefined();
    return taken!;
  });
  expect(dead.content.toString()).toBe("poison");
  expect(dead.fields.exchange).toBe(DEAD_EXCHANGE);
  // Other services may consume the type as well.
  for (const { name } of WORK_QUEUES) await client.purge(name);
});

test("when it is declared again, then nothing changes and no session ends", async () => {
  await client.send("order.created", order);
  await Promise.all([declareTopology(session), declareTopology(session)]);
  expect(session.isAlive).toBe(true);
  expect(await client.depth(WORK_QUEUES[0]!.name)).toBe(1);
  await client.purge(WORK_QUEUES[0]!.name);
});

test("when a queue was deleted and a binding removed, then declaring heals both", async () => {
  const [orders, updates] = WORK_QUEUES;
  await client.deleteQueue(orders!.name);
  await client.unbind(updates!.name, "order.updated");
  await declareTopology(session);
  await client.send("order.created", order);
  await client.send("order.updated", "anything");
  expect(await client.depth(orders!.name)).toBe(1);
  expect(await client.depth(updates!.name)).toBe(1);
  await client.purge(orders!.name);
  await client.purge(updates!.name);
});

const OLD_DEAD_QUEUE = {
  durable: true,
  arguments: { "x-queue-type": "quorum", "x-max-length": 500_000, "x-overflow": "reject-publish" },
};

test("when there is a dead queue of an older version, then it stays, with what it holds; a new one has a limit of its own", async () => {
  const { deadQueue } = WORK_QUEUES[1]!;
  const declareOld = () =>
    session.objection((channel) => channel.assertQueue(deadQueue, OLD_DEAD_QUEUE));
  expect((await declareOld())?.message).toContain("x-delivery-limit");
  await client.deleteQueue(deadQueue);
  expect(await declareOld()).toBeUndefined();
  await session.inChannel(async (channel) => {
    channel.sendToQueue(deadQueue, Buffer.from("poison"));
  });
  await eventually(async () => expect(await client.depth(deadQueue)).toBe(1));
  await declareTopology(session);
  expect(session.isAlive).toBe(true);
  expect(await client.depth(deadQueue)).toBe(1);
  await client.deleteQueue(deadQueue);
  await declareTopology(session);
});

test("when the exchange exists with another type, then the session ends instead of going on half", async () => {
  const ended = session.ended;
  const broken = session.inChannel(async (channel) => {
    await channel.assertExchange(EVENTS_EXCHANGE, "fanout", { durable: true });
  });
  await expect(broken).rejects.toThrow("PRECONDITION_FAILED");
  expect((await ended).message).toContain("PRECONDITION_FAILED");
  await eventually(() => expect(connection.up).toBe(true));
});
