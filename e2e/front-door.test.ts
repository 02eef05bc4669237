import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { call } from "@shop/test-support/http";
import { differencesAtTheDoor, type Sample } from "@shop/test-support/front-door";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

let it: ShopWithGateway;
let liar: Server;
let sample: Sample;
let lie: (text: string) => string;

/** The gateway, seen through somebody who changes what it says. */
function startLiar(): Promise<Server> {
  const server = createServer((request, response) => {
    void call(`${it.gateway.url}${request.url}`).then(({ status, text }) => {
      response.writeHead(status, { "content-type": "application/json" }).end(lie(text));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

beforeAll(async () => {
  it = await startShopWithGateway();
  liar = await startLiar();
  const { id: productId } = await it.shop.createProduct({ qty: 10, price: 9.99 });
  const { order } = await it.shop.ledger.place(it.gateway.url, { productId, qty: 2 });
  await it.shop.settlesRightly();
  sample = { orderIds: [order!.id], productIds: [productId] };
});
afterAll(async () => {
  liar.close();
  await it.stop();
});

const differences = (change: (text: string) => string): Promise<string[]> => {
  lie = change;
  const { port } = liar.address() as AddressInfo;
  return differencesAtTheDoor(`http://127.0.0.1:${port}`, it.shop.truth, sample);
};

test("(f) what the gateway says is what PostgreSQL says, and nothing is found", async () => {
  expect(await differences((text) => text)).toEqual([]);
});

test.each([
  ["an outcome", '"status":"done"', '"status":"rejected"', /GET \/orders\/[0-9a-f-]+ says/],
  [
    "a list that lacks an order",
    /"items":\[.*\]/,
    '"items":[]',
    /GET \/orders\/product\/\d+, place 1, says undefined/,
  ],
  ["an older version", '"version":2', '"version":1', /GET \/products\/\d+ says/],
  ["another price", '"price":9.99', '"price":9.98', /GET \/products\/\d+ says/],
] as const)("(f) %s that is not so is found", async (_, told, instead, says) => {
  const found = await differences((text) => text.replace(told, instead));
  expect(found).toContainEqual(expect.stringMatching(says));
});

test("(f) an order that nobody can find any more is found", async () => {
  const found = await differences((text) => (text.includes("totalPrice") ? "{}" : text));
  expect(found).toContainEqual(expect.stringMatching(/GET \/orders\/[0-9a-f-]+ says undefined/));
});
