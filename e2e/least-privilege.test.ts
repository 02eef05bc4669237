import { DEAD_EXCHANGE, EVENTS_EXCHANGE, WORK_QUEUES } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { connectRedis } from "@shop/test-support/redis-client";
import { connectSql } from "@shop/test-support/sql";
import { connect, type Channel } from "amqplib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startShop, type Shop } from "./shop.fixture.ts";

/** What the passwords of one service allow beyond the service itself. */
let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.stop());

const SERVICES = ["product-service", "order-service"] as const;

/** The broker's objection to one thing, which ends its channel. */
async function objectionTo(
  service: string,
  work: (channel: Channel) => Promise<unknown>,
): Promise<string> {
  const connection = await connect(shop.accounts.brokerOf(service));
  connection.on("error", () => undefined);
  try {
    const channel = await connection.createConfirmChannel();
    const closed = new Promise<string>((resolve) => {
      channel.on("error", (error) => resolve(error.message));
    });
    const done = work(channel)
      .then(() => channel.waitForConfirms())
      .then(() => "none")
      .catch((error: Error) => error.message);
    return await Promise.race([closed, done]);
  } finally {
    await connection.close().catch(() => undefined);
  }
}

const publishing = (exchange: string, key: string) => async (channel: Channel) => {
  channel.publish(exchange, key, Buffer.from("{}"));
};

test("settles an order with these accounts alone", async () => {
  const { id: productId } = await shop.createProduct();
  const answer = await call(`${shop.order.url}/orders`, { body: { productId, qty: 1 } });
  expect(answer.status).toBe(201);
  await eventually(async () => expect((await shop.orderOf(answer.body.id)).status).toBe("done"));
});

describe.each(SERVICES)("the broker account of %s", (service) => {
  const own = WORK_QUEUES.find(({ consumer }) => consumer === service)!;
  const other = WORK_QUEUES.find(({ consumer }) => consumer !== service)!;

  test.each([
    ["publish what it consumes", publishing(EVENTS_EXCHANGE, own.types[0]!)],
    ["publish to a queue directly", publishing("", other.name)],
    ["put something into a dead-letter queue", publishing(DEAD_EXCHANGE, other.deadQueue)],
    ["read the other's queue", (channel: Channel) => channel.get(other.name)],
    ["purge it", (channel: Channel) => channel.purgeQueue(other.name)],
    ["delete it", (channel: Channel) => channel.deleteQueue(other.name)],
    [
      "have the other's events on a queue of its own",
      async (channel: Channel) => {
        const { queue } = await channel.assertQueue(`${service}.own`, { exclusive: true });
        await channel.bindQueue(queue, EVENTS_EXCHANGE, "#");
      },
    ],
    ["delete the exchange", (channel: Channel) => channel.deleteExchange(EVENTS_EXCHANGE)],
    [
      "declare it with a type that has no topics",
      (channel: Channel) => channel.assertExchange(EVENTS_EXCHANGE, "direct"),
    ],
    [
      "make an exchange of its own behind it",
      async (channel: Channel) => {
        await channel.assertExchange("mine", "fanout");
      },
    ],
    ["make a queue of any other name", (channel: Channel) => channel.assertQueue("mine")],
  ])("can't %s", async (_, work) => {
    expect(await objectionTo(service, work)).toContain("ACCESS_REFUSED");
  });

  test("can count its events that wait in the other's queue", async () => {
    expect(await objectionTo(service, (channel) => channel.checkQueue(other.name))).toBe("none");
  });

  test("can publish what it publishes", async () => {
    const key = service === "order-service" ? "order.created" : "product.deleted";
    expect(await objectionTo(service, publishing(EVENTS_EXCHANGE, key))).toBe("none");
  });
});

test("the broker refuses every other user", async () => {
  const url = new URL(shop.accounts.brokerOf("order-service"));
  url.password = "shop";
  await expect(connect(url.href)).rejects.toThrow("ACCESS_REFUSED");
});

test.each([
  ["product", "products"],
  ["order", "orders"],
] as const)("the database account of the %s service uses its rows alone", async (which, table) => {
  const sql = connectSql(shop.accounts[which].database);
  for (const statement of [
    `DROP TABLE ${table}`,
    `TRUNCATE ${table}`,
    `CREATE TABLE mine (id integer)`,
    `COPY outbox FROM PROGRAM 'id'`,
    `SELECT pg_read_file('PG_VERSION')`,
    `DELETE FROM migrations`,
  ]) {
    const outcome = await sql(statement).catch(({ code }) => code);
    expect({ statement, outcome }).toEqual({ statement, outcome: "42501" });
  }
  expect(await sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).toEqual([
    { rolsuper: false },
  ]);
  await sql.end();
});

test.each([
  ["product", "product:1", "orders:product:1"],
  ["order", "orders:product:1", "secret"],
] as const)(
  "the Redis account of the %s service uses its keys alone",
  async (which, own, other) => {
    const client = await connectRedis(shop.accounts[which].redis);
    await client.set(own, "1");
    expect(await client.get(own)).toBe("1");
    await client.del(own);
    for (const command of [
      ["GET", other],
      ["FLUSHALL"],
      ["KEYS", "*"],
      ["CONFIG", "GET", "*"],
      ["ACL", "LIST"],
      ["MONITOR"],
      ["SHUTDOWN"],
      ["EVAL", "return redis.call('GET', ARGV[1])", "0", other],
    ]) {
      const outcome = await client.sendCommand(command).catch(({ message }) => message);
      expect({ command, outcome }).toEqual({
        command,
        outcome: expect.stringMatching(/NOPERM|No permissions|can't run|can't access/),
      });
    }
    client.destroy();
  },
);
