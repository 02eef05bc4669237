import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { connectBroker, type HeardEvent } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost, createDatabase } from "@shop/test-support/servers";
import { connectSql } from "@shop/test-support/sql";
import { startTcpProxy } from "@shop/test-support/tcp-proxy";
import { expect } from "vitest";
import { createTestDatabase, createTestLog, someOrder } from "../kit.fixture.ts";
import { BrokerConnection } from "../messaging/broker-connection.ts";
import { declareTopology } from "../messaging/declare-all.ts";
import { Publisher, type Outcome } from "../messaging/publisher.ts";
import { Relay } from "./relay.ts";
import { UnitOfWork } from "./unit-of-work.ts";

/** What writes and publishes in one service instance. */
export async function startWriter(databaseUrl: string, brokerUrl: string) {
  const testLog = createTestLog();
  const { log, events } = testLog;
  const database = createTestDatabase(databaseUrl, log);
  const connection = new BrokerConnection(brokerUrl, "a test", log);
  connection.onSession(declareTopology);
  const publisher = new Publisher(connection);
  const counts = { confirmed: 0, returned: 0, refused: 0, unknown: 0 };
  const observer = {
    published: (count: number) => (counts.confirmed += count),
    unpublished: (outcome: Outcome, count: number) => (counts[outcome] += count),
  };
  const relay = new Relay(database, publisher, { log, events, observer });

  await database.start();
  connection.start();
  await eventually(() => expect(database.connected).toBe(true));
  relay.start();
  return {
    database,
    connection,
    publisher,
    relay,
    counts,
    lines: testLog.lines,
    work: new UnitOfWork(database, relay),
    stop: async () => {
      await relay.stop();
      await connection.stop();
      await database.stop();
    },
  };
}

/** Where the tests of one file write and hear. */
export async function createPlace() {
  const [databaseUrl, vhostUrl] = await Promise.all([createDatabase(), claimVhost()]);
  const sql = connectSql(databaseUrl);
  const waiting = () => sql<{ subject: string }>("SELECT subject FROM outbox");
  return {
    databaseUrl,
    vhostUrl,
    sql,
    /** What is in the outbox. */
    waiting,
    untilEmpty: () => eventually(async () => expect(await waiting()).toEqual([])),
  };
}

export type Place = Awaited<ReturnType<typeof createPlace>>;

/** A writer behind proxies, with an empty outbox and empty queues, for one test. */
export async function startBench({ databaseUrl, vhostUrl, sql }: Place) {
  // A client for each test: what one hears with would take the next one's unroutable events.
  const [client, toBroker, toDatabase] = await Promise.all([
    connectBroker(vhostUrl),
    startTcpProxy(vhostUrl),
    startTcpProxy(databaseUrl),
  ]);
  const writer = await startWriter(toDatabase.through(databaseUrl), toBroker.through(vhostUrl));
  await eventually(() => expect(writer.publisher.available).toBe(true));
  await sql("TRUNCATE outbox, facts");
  await client.purge(ORDER_CREATED_QUEUE.name);
  return {
    client,
    toBroker,
    toDatabase,
    writer,
    stop: async () => {
      await writer.stop();
      await Promise.all([toBroker.stop(), toDatabase.stop(), client.close()]);
    },
  };
}

export type Bench = Awaited<ReturnType<typeof startBench>>;

/** A fact and its event, which is known again by its request id. */
export async function write(id: number, { work }: { work: UnitOfWork }): Promise<void> {
  await work.transact(async ({ sql, emit }) => {
    await sql.query("INSERT INTO facts VALUES ($1)", [id]);
    emit("order.created", { subject: id, requestId: `r-${id}`, data: someOrder() });
  });
}

export const writeMany = (from: number, to: number, by: { work: UnitOfWork }) =>
  Promise.all(Array.from({ length: to - from }, (_, i) => write(from + i, by)));

/** The same in one transaction, for which one connection is enough. */
export const writeTogether = (from: number, to: number, { work }: { work: UnitOfWork }) =>
  work.transact(async ({ sql, emit }) => {
    await sql.query("INSERT INTO facts SELECT generate_series($1::int, $2::int)", [from, to - 1]);
    for (let id = from; id < to; id += 1)
      emit("order.created", { subject: id, requestId: `r-${id}`, data: someOrder() });
  });

/** The request ids of what `writeMany` or `writeTogether` wrote, and of what was heard, in the order of writing. */
export const idsOf = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `r-${from + i}`);
export const inOrder = (heard: readonly HeardEvent[]): string[] =>
  heard
    .map(({ requestId }) => Number(requestId.slice(2)))
    .toSorted((a, b) => a - b)
    .map((id) => `r-${id}`);
