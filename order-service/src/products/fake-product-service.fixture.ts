import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Product } from "@shop/contracts/product";

/** What every request gets instead of the truth. */
export interface OddAnswer {
  readonly status: number;
  readonly text: string;
  readonly contentType?: string;
}

/**
 * What order-service needs of product-service, from a server that can be slow, broken or down on demand and counts what it
 * is asked. It tells no events: tests do, or leave it.
 */
export async function startFakeProductService() {
  const products = new Map<number, Product>();
  const asked = new Map<number, number>();
  const requestIds: (string | undefined)[] = [];
  const tokens: (string | undefined)[] = [];
  const cacheControl: (string | undefined)[] = [];
  let lastId = 0;
  let odd: OddAnswer | undefined;
  let gate: Promise<void> | undefined;
  let waiting = 0;

  const answer = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(body));
  };

  const server: Server = createServer((request, response) => {
    const id = Number(/^\/products\/(\d+)$/.exec(request.url ?? "")?.[1]);
    asked.set(id, (asked.get(id) ?? 0) + 1);
    requestIds.push(request.headers["x-request-id"]?.toString());
    tokens.push(request.headers["x-internal-token"]?.toString());
    cacheControl.push(request.headers["cache-control"]);
    // Decided on arrival: what changes while the answer is on its way is not in it.
    const product = products.get(id);
    const oddNow = odd;
    const send = (): void => {
      if (oddNow) {
        const { status, text, contentType = "application/json" } = oddNow;
        response.writeHead(status, { "content-type": contentType }).end(text);
      } else if (product) answer(response, 200, product);
      else answer(response, 404, { code: "PRODUCT_NOT_FOUND", message: "none", details: [] });
    };
    if (!gate) return send();
    waiting += 1;
    void gate.then(() => {
      waiting -= 1;
      send();
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, "127.0.0.1", resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const put = (change: Partial<Product> = {}): Product => {
    const id = change.id ?? (lastId += 1);
    const now = new Date().toISOString();
    const before = products.get(id) ?? {
      id,
      name: "Laptop",
      price: 19.99,
      qty: 1_000,
      version: 0,
      createdAt: now,
    };
    const product = { ...before, version: before.version + 1, updatedAt: now, ...change };
    products.set(id, product);
    return product;
  };

  return {
    url: `http://127.0.0.1:${port}`,
    /** What each question showed for itself. */
    tokens,
    cacheControl,
    /** Creates a product, or gives an existing one a new version. */
    put,
    remove: (id: number): void => void products.delete(id),
    /** How often this product was asked for. */
    asked: (id: number): number => asked.get(id) ?? 0,
    requestIds,
    /** Every answer waits until the returned function is called. */
    hold: (): (() => void) => {
      let release = (): void => undefined;
      gate = new Promise((resolve) => {
        release = () => {
          gate = undefined;
          resolve();
        };
      });
      return release;
    },
    /** Requests that wait for their answer now. */
    waiting: (): number => waiting,
    answerOddly: (with_: OddAnswer): void => void (odd = with_),
    goDown: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    /** Up, quick and truthful again. */
    recover: async (): Promise<void> => {
      odd = undefined;
      if (!server.listening) await listen(port);
    },
    stop: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
