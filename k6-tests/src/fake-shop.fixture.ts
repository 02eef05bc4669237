import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

interface Order {
  id: string;
  productId: number;
  qty: number;
  status: string;
  createdAt: string;
  updatedAt: string;
}

/** What a shop does wrong: with one order in ten, or not at all. One that forgets does so with every order. */
export type Fault = "none" | "loses" | "doubles" | "oversells" | "forgets" | "rejects" | "refuses";

const EVERY = 10;

/** As much of a shop as the load needs, in memory, honest or not: the checks of the books are tried on it. */
export async function startFakeShop(fault: Fault): Promise<string> {
  const products: { id: number; qty: number }[] = [];
  const orders: Order[] = [];
  let asked = 0;

  const keep = ({ productId, qty }: { productId: number; qty: number }) => {
    asked += 1;
    const isWrong = asked % EVERY === 0;
    const at = new Date().toISOString();
    const id = `order-${asked}`;
    const order = { id, productId, qty, status: "done", createdAt: at, updatedAt: at };
    const product = products[productId - 1];
    if (product === undefined || (isWrong && fault === "refuses")) return null;
    if (isWrong && fault === "loses") return order;
    if (fault === "forgets") order.status = "pending";
    if (isWrong && fault === "rejects") order.status = "rejected";
    orders.push(order);
    if (isWrong && fault === "doubles") orders.push({ ...order, id: `${id}-again` });
    const isSold = order.status === "done" && !(isWrong && fault === "oversells");
    if (isSold) product.qty -= isWrong && fault === "doubles" ? 2 * qty : qty;
    return order;
  };

  const answer = (method: string, path: string, body: string): [number, unknown] => {
    const [, resource, first, second] = path.split(/[/?]/);
    if (resource === "health") return [200, { status: "ok" }];
    if (method === "POST" && resource === "products") {
      const { qty } = JSON.parse(body) as { qty: number };
      products.push({ id: products.length + 1, qty });
      return [201, products.at(-1)];
    }
    if (method === "POST") {
      const order = keep(JSON.parse(body) as { productId: number; qty: number });
      return order === null ? [500, null] : [201, order];
    }
    if (resource === "products") return [200, products[Number(first) - 1]];
    if (first === "product") {
      const items = orders.filter(({ productId }) => productId === Number(second));
      return [200, { items, nextCursor: null }];
    }
    return [200, orders.find(({ id }) => id === first) ?? { status: "done" }];
  };

  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const [status, data] = answer(request.method ?? "", request.url ?? "", body);
      response.writeHead(status).end(JSON.stringify({ success: status < 400, data }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
