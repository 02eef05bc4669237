import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { randomUUIDv7 } from "node:crypto";
import type { Addresses } from "operations/addresses";
import { deadLetters } from "operations/dead/dead-letters";
import { ordersStuck } from "operations/stuck/orders-stuck";
import { eventually } from "@shop/test-support/eventually";
import { connect } from "amqplib";
import { sayTo } from "local-stack/terminal/say";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startShop, type Shop } from "./shop.fixture.ts";

const NOWHERE = "postgres://127.0.0.1:9/x";

let shop: Shop;
let addresses: Addresses;

beforeAll(async () => {
  shop = await startShop();
  addresses = shop.addresses;
});
beforeEach(async () => {
  for (const program of [shop.product, shop.order]) {
    if (!program.isRunning()) await program.start();
  }
  await shop.ready();
});
afterAll(() => shop.stop());

/** The command, with every order at once. */
async function stuck(at: Partial<Addresses> = {}, ...args: string[]) {
  const lines: string[] = [];
  const sayAsBefore = sayTo((line) => lines.push(line));
  try {
    const code = await ordersStuck(["--older-than", "0", ...args], { ...addresses, ...at });
    return { code, text: lines.join("\n") };
  } finally {
    sayAsBefore();
  }
}

/** What it says of one order, once it says this, and in these words. */
const expectWhy = (id: string, why: string, at: Partial<Addresses> = {}, words = /./) =>
  eventually(async () => {
    const { code, text } = await stuck(at, "--json");
    const found = text
      .split("\n")
      .map((line) => JSON.parse(line))
      .find((line) => line.id === id);
    expect({ code, id, why: found?.why }).toEqual({ code: 1, id, why });
    expect(found.text).toMatch(words);
    return found.text as string;
  });

async function placeOrder(): Promise<string> {
  const { id: productId } = await shop.createProduct();
  const { order } = await shop.ledger.place(shop.order.url, { productId, qty: 1 });
  return order!.id;
}

const expectDone = (id: string): Promise<void> =>
  eventually(async () => expect((await shop.orderOf(id)).status).toBe("done"));

test("when nothing is pending, then it says so, with exit code 0", async () => {
  await shop.settlesRightly();
  expect(await stuck()).toMatchObject({
    code: 0,
    text: "No order has been pending for more than 0 s.",
  });
  // What can't be asked is said all the same.
  const { code, text } = await stuck({ rabbitmq: "amqp://127.0.0.1:9", productDb: NOWHERE });
  expect(code).toBe(0);
  expect(text).toContain("! The broker can't be asked (RABBITMQ_URL): nothing listens there");
  expect(text).toContain("PRODUCT_DATABASE_URL");
});

test("when the service can't reach the broker, then its outbox and since when", async () => {
  await shop.ways.order.cut();
  const id = await placeOrder();
  const text = await expectWhy(id, "relay_not_draining");
  expect(text).toMatch(
    /its order.created is in order-service's outbox since \d{4}-.*: the broker is there/,
  );
  // The same from where the broker can't be reached.
  await expectWhy(id, "broker_away", { rabbitmq: "amqp://127.0.0.1:9" });
  const told = await stuck();
  expect(told.text).toContain(`${id}  product `);
  expect(told.text).toContain("told again 0 times, next at ");
  expect(told.text).toContain("docs/operations.md#an-outbox-grows");
  await shop.ways.order.restore();
  await expectDone(id);
});

test("when nobody takes from the queue, then that, and how many wait", async () => {
  const id = await placeOrderWithoutProductService();
  const text = await expectWhy(id, "no_consumer");
  expect(text).toContain(`${ORDER_CREATED_QUEUE.name}, where 1 message waits`);
  await expectWhy(id, "database_away", { productDb: NOWHERE });
  expect((await stuck({ productDb: NOWHERE })).text).toContain("nothing listens there");
  await shop.product.start();
  await expectDone(id);
});

test("when its message is dead, then where, and a replay heals it", async () => {
  const id = await placeOrderWithoutProductService();
  await reject(ORDER_CREATED_QUEUE.name);
  const text = await expectWhy(id, "dead");
  expect(text).toContain(ORDER_CREATED_QUEUE.deadQueue);
  await shop.product.start();
  const [messageId] = text.split(" ").slice(-1);
  const code = await deadLetters(["replay", messageId!], {
    addresses,
    folder: "",
    stop: new AbortController().signal,
  });
  expect(code).toBe(0);
  await expectDone(id);
});

test("when its message is nowhere, then when the sweeper tells it again", async () => {
  const id = await placeOrderWithoutProductService();
  await eventually(async () => expect(await shop.broker.depth(ORDER_CREATED_QUEUE.name)).toBe(1));
  await shop.broker.purge(ORDER_CREATED_QUEUE.name);
  await shop.product.start();
  const text = await expectWhy(id, "nowhere");
  expect(text).toMatch(/or none is left; the sweeper tells it again in \d+ s/);
  await shop.truth.orders("UPDATE orders SET next_tell_at = now() WHERE id = $1", [id]);
  await expectDone(id);
});

test("when it is decided and the outcome waits for order-service, then that", async () => {
  const id = await placeOrderWithoutProductService();
  await shop.order.end("SIGTERM");
  await shop.product.start();
  // Until it has decided it, nobody takes from its own queue either.
  const decided = /^product-service has decided it \(done\) at /;
  const text = await expectWhy(id, "no_consumer", {}, decided);
  expect(text).toContain(ORDER_UPDATED_QUEUE.name);
  await eventually(async () =>
    expect(await shop.broker.depth(ORDER_UPDATED_QUEUE.name)).toBeGreaterThan(0),
  );

  await reject(ORDER_UPDATED_QUEUE.name);
  expect(await expectWhy(id, "dead")).toContain(ORDER_UPDATED_QUEUE.deadQueue);

  await shop.broker.purge(ORDER_UPDATED_QUEUE.deadQueue);
  await shop.order.start();
  expect(await expectWhy(id, "nowhere")).toMatch(/^product-service has decided it/);

  // The outcome is still to be told: as after a kill between commit and publishing, for longer than it lasts by itself.
  await shop.product.end("SIGTERM");
  await shop.truth.products(
    `INSERT INTO outbox (id, type, subject, request_id, payload, leased_until)
     VALUES ($1, 'order.updated', $2, 'r', '{}', now() + interval '1 hour')`,
    [randomUUIDv7(), id],
  );
  const untold = await expectWhy(id, "relay_not_draining");
  expect(untold).toContain("its order.updated is in product-service's outbox since");
  await shop.truth.products("DELETE FROM outbox");
  await shop.truth.orders("UPDATE orders SET next_tell_at = now() WHERE id = $1", [id]);
  await shop.product.start();
  await expectDone(id);
});

test("when somebody holds its row, then who", async () => {
  const { id: productId } = await shop.createProduct();
  const lock = `SELECT 1 FROM products WHERE id = ${productId} FOR UPDATE`;
  let id = "";
  await shop.truth.products.holding(lock, async () => {
    const { order } = await shop.ledger.place(shop.order.url, { productId, qty: 1 });
    id = order!.id;
    const text = await expectWhy(id, "row_held");
    expect(text).toMatch(
      /process \d+ of its database .*idle in transaction.* has held rows of products for \d+ s/,
    );
  });
  await expectDone(id);
});

test("when there are many, then the oldest ones, and how many in all", async () => {
  const ids = [await placeOrderWithoutProductService()];
  for (let more = 0; more < 3; more += 1) ids.push(await placeOrderOfKnown());
  const { text } = await stuck({}, "--limit", "2");
  expect(text).toContain("4 orders are pending for more than 0 s; the oldest 2:");
  expect(ids.filter((id) => text.includes(id))).toEqual(ids.slice(0, 2));
  const summary = JSON.parse((await stuck({}, "--limit", "2", "--json")).text.split("\n").at(-1)!);
  expect(summary).toMatchObject({ kind: "summary", stuck: 4, shown: 2, olderThanS: 0 });
  await shop.product.start();
  for (const id of ids) await expectDone(id);
});

test("when the orders can't be asked, then that, with exit code 2", async () => {
  const { code, text } = await stuck({ orderDb: NOWHERE });
  expect(code).toBe(2);
  expect(text).toContain("The orders can't be asked: nothing listens there.");
  expect(text).toContain("ORDER_DATABASE_URL");
});

test.each([
  [["--limit", "0"], "--limit must be"],
  [["--limit", "1001"], "--limit must be"],
  [["--older-than", "soon"], "--older-than must be"],
  [["--colour"], "Unknown option"],
  [["an-order"], "Unexpected argument"],
])("%j is wrong usage, and says what is right", async (args, message) => {
  const run = stuck({}, ...args);
  await expect(run).rejects.toThrow(message);
  await expect(run).rejects.toThrow("npm run orders:stuck -- [options]");
});

let known = 0;

/** Of a product that order-service has just seen. */
async function placeOrderWithoutProductService(): Promise<string> {
  const product = await shop.createProduct();
  known = product.id;
  await eventually(async () => {
    const answer = await fetch(`${shop.order.url}/orders/product/${known}`);
    expect(answer.status).toBe(200);
  });
  await expectDone(
    (await shop.ledger.place(shop.order.url, { productId: known, qty: 1 })).order!.id,
  );
  await shop.product.end("SIGTERM");
  return placeOrderOfKnown();
}

const placeOrderOfKnown = async (): Promise<string> =>
  (await shop.ledger.place(shop.order.url, { productId: known, qty: 1 })).order!.id;

/** Takes all that is in a queue, and finds it poisonous. */
async function reject(queue: string): Promise<void> {
  const connection = await connect(addresses.rabbitmq);
  const channel = await connection.createChannel();
  await eventually(async () => {
    const message = await channel.get(queue);
    if (message) channel.reject(message, false);
    expect(message).toBe(false);
    expect(await shop.broker.depth(`${queue}.dead`)).toBeGreaterThan(0);
  });
  await channel.close();
  await connection.close();
}
