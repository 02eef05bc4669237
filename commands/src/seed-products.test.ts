import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { seedProducts } from "./seed-products.ts";

/** A shop with pages of one product each, with or without the gateway's envelope. */
async function startShop(names: string[], wrap: (body: unknown) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://shop");
    if (request.method === "POST") {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        names.push((JSON.parse(body) as { name: string }).name);
        response.writeHead(201).end(JSON.stringify(wrap({ id: names.length })));
      });
      return;
    }
    const at = Number(url.searchParams.get("cursor") ?? 0);
    const items = names.slice(at, at + 1).map((name) => ({ name }));
    const nextCursor = at + 1 < names.length ? `${at + 1}` : null;
    response.end(JSON.stringify(wrap({ items, nextCursor })));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const product = (name: string) => ({ name, price: 1, qty: 1 });

test.each([
  ["the services", (body: unknown) => body],
  ["the gateway", (body: unknown) => ({ success: true, data: body, meta: {} })],
])(
  "creates each product once when it runs twice through %s, whatever page it is on",
  async (_, wrap) => {
    const names = ["Cup", "Kettle"];
    const shop = await startShop(names, wrap);
    const products = [product("Kettle"), product("Grinder")];

    expect(await seedProducts(shop, products)).toEqual({ created: 1, there: 1 });
    expect(await seedProducts(shop, products)).toEqual({ created: 0, there: 2 });
    expect(names).toEqual(["Cup", "Kettle", "Grinder"]);
  },
);

test("says what to do when nothing answers", async () => {
  await expect(seedProducts("http://127.0.0.1:1", [])).rejects.toThrow(/Is npm start running/);
});

test("says that the shop needs a token, and sends one that is set", async () => {
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === "Bearer known";
    response.statusCode = isKnown ? 200 : 401;
    response.end(JSON.stringify({ items: [], nextCursor: null }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const shop = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  await expect(seedProducts(shop, [])).rejects.toThrow(/Set SHOP_TOKEN/);
  expect(await seedProducts(shop, [], "known")).toEqual({ created: 0, there: 0 });
});
