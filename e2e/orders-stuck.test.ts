import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { randomUUIDv7 } from "node:crypto";
import type { Addresses } from "operations/config";
import { deadLetters } from "operations/dead-letters/dead-letters";
import { NOWHERE, run } from "operations/run.fixture";
import { ordersStuck } from "operations/stuck/orders-stuck";
import { eventually } from "@shop/test-support/eventually";
import { connect } from "amqplib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startShop, type Shop } from "./shop.fixture.ts";

let shop: Shop;
let addresses: Addresses;

beforeAll(async () => {
  shop = await startShop({ orderSettings: { RECONCILE_EVERY_MS: "250" } });
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
const stuck = (at: Partial<Addresses> = {}, ...args: string[]) =>
  run(ordersStuck, ["--older-than", "0", ...args], { addresses: { ...addresses, ...at } });

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

test("finds nothing when no order is pending, and names the parts that cannot be asked", async () => {
  await shop.settlesRightly();
  expect(await stuck()).toMatchObject({
    code: 0,
    text: "No order has been pending for more than 0 s.",
  });
  const { code, text } = await stuck({ rabbitmq: NOWHERE.rabbitmq, productDb: NOWHERE.productDb });
  expect(code).toBe(0);
  expect(text).toContain("! The broker cannot be asked (RABBITMQ_URL): nothing listens there");
  expect(text).toContain("PRODUCT_DATABASE_URL");
});

test("names the outbox of a service that cannot reach the broker", async () => {
  await shop.ways.order.cut();
  const id = await placeOrder();
  const text = await expectWhy(id, "relay_not_draining");
  expect(text).toMatch(
    /its order.created is in order-service's outbox since \d{4}-.*: the broker is there/,
  );
  // The same from where the broker can't be reached.
  await expectWhy(id, "broker_away", { rabbitmq: NOWHERE.rabbitmq });
  const { text: report } = await stuck();
  expect(report).toContain(`${id}  product `);
  expect(report).toContain("republished 0 times, next at ");
  expect(report).toContain("docs/operations.md#an-outbox-grows");
  await shop.ways.order.restore();
  await expectDone(id);
});

test("names a queue that nothing consumes, and how many messages wait", async () => {
  const id = await placeOrderWithoutProductService();
  const text = await expectWhy(id, "no_consumer");
  expect(text).toContain(`${ORDER_CREATED_QUEUE.name}, where 1 message waits`);
  await expectWhy(id, "database_away", { productDb: NOWHERE.productDb });
  expect((await stuck({ productDb: NOWHERE.productDb })).text).toContain("nothing listens there");
  await shop.product.start();
  await expectDone(id);
});

test("names the dead-letter queue, and a replay settles the order", async () => {
  const id = await placeOrderWithoutProductService();
  await reject(ORDER_CREATED_QUEUE.name);
  const text = await expectWhy(id, "dead_lettered");
  expect(text).toContain(ORDER_CREATED_QUEUE.deadQueue);
  await shop.product.start();
  const [messageId] = text.split(" ").slice(-1);
  expect(await run(deadLetters, ["replay", messageId!], { addresses })).toMatchObject({ code: 0 });
  await expectDone(id);
});

test("says when the reconciler republishes an order whose message is lost", async () => {
  const id = await placeOrderWithoutProductService();
  await eventually(async () => expect(await shop.broker.depth(ORDER_CREATED_QUEUE.name)).toBe(1));
  await shop.broker.purge(ORDER_CREATED_QUEUE.name);
  await shop.product.start();
  const text = await expectWhy(id, "no_message");
  expect(text).toMatch(/or none is left; the reconciler republishes it in \d+ s/);
  await shop.truth.orders("UPDATE orders SET next_tell_at = now() WHERE id = $1", [id]);
  await expectDone(id);
});

test("names what keeps the outcome of a decided order from order-service", async () => {
  const id = await placeOrderWithoutProductService();
  await shop.order.end("SIGTERM");
  await shop.product.start();
  // Before that product-service does not consume its own queue either.
  const decided = /^product-service has decided it \(done\) at /;
  const text = await expectWhy(id, "no_consumer", {}, decided);
  expect(text).toContain(ORDER_UPDATED_QUEUE.name);
  await eventually(async () =>
    expect(await shop.broker.depth(ORDER_UPDATED_QUEUE.name)).toBeGreaterThan(0),
  );

  await reject(ORDER_UPDATED_QUEUE.name);
  expect(await expectWhy(id, "dead_lettered")).toContain(ORDER_UPDATED_QUEUE.deadQueue);

  await shop.broker.purge(ORDER_UPDATED_QUEUE.deadQueue);
  await shop.order.start();
  expect(await expectWhy(id, "no_message")).toMatch(/^product-service has decided it/);

  // As after a kill between commit and publishing, but with a longer lease.
  await shop.product.end("SIGTERM");
  await shop.truth.products(
    `INSERT INTO outbox (id, type, subject, request_id, payload, leased_until)
     VALUES ($1, 'order.updated', $2, 'r', '{}', now() + interval '1 hour')`,
    [randomUUIDv7(), id],
  );
  const unpublished = await expectWhy(id, "relay_not_draining");
  expect(unpublished).toContain("its order.updated is in product-service's outbox since");
  await shop.truth.products("DELETE FROM outbox");
  await shop.truth.orders("UPDATE orders SET next_tell_at = now() WHERE id = $1", [id]);
  await shop.product.start();
  await expectDone(id);
});

test("names the transaction that has locked the row", async () => {
  const { id: productId } = await shop.createProduct();
  const lock = `SELECT 1 FROM products WHERE id = ${productId} FOR UPDATE`;
  let id = "";
  await shop.truth.products.holding(lock, async () => {
    const { order } = await shop.ledger.place(shop.order.url, { productId, qty: 1 });
    id = order!.id;
    const text = await expectWhy(id, "row_locked");
    expect(text).toMatch(
      /process \d+ of its database .*idle in transaction.* has locked rows of products for \d+ s/,
    );
  });
  await expectDone(id);
});

test("lists the oldest orders, and counts all of them", async () => {
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

test("exits with 2 when the orders cannot be asked", async () => {
  const { code, text } = await stuck({ orderDb: NOWHERE.orderDb });
  expect(code).toBe(2);
  expect(text).toContain("The orders cannot be asked: nothing listens there.");
  expect(text).toContain("ORDER_DATABASE_URL");
});

test.each([
  [["--limit", "0"], "--limit must be"],
  [["--limit", "1001"], "--limit must be"],
  [["--older-than", "soon"], "--older-than must be"],
  [["--colour"], "Unknown option"],
  [["an-order"], "Unexpected argument"],
])("refuses %j, and shows the usage", async (args, message) => {
  const refused = stuck({}, ...args);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toThrow("npm run orders:stuck -- [options]");
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

/** As a consumer that finds all messages of a queue poisonous. */
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
