import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";

type SeenRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
};

export type FakeService = Awaited<ReturnType<typeof startFakeService>>;

export const PRODUCT = { id: 26, name: "Größe 🙂", price: 19.99, qty: 5, version: 3 };
export const PRODUCT_TEXT = JSON.stringify(PRODUCT);

/** A service in place of a real one, for what a real one can't do on demand. It remembers what reached it. */
export async function startFakeService() {
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let answer: RequestListener = giveProduct;
  let health: RequestListener = (_request, response) => sendJson(response, 200, '{"status":"ok"}');

  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const isHealth = request.url === "/health/ready";
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => undefined);
    request.on("end", () => {
      if (isHealth) return health(request, response);
      const { method = "", url = "", headers, rawHeaders } = request;
      seen.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, "close");
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    sockets,
    get connections(): number {
      return connections;
    },
    /** From now on. */
    answers: (how: RequestListener): void => {
      answer = how;
    },
    /** What it says of its health, from now on. */
    isReady: (how: RequestListener): void => {
      health = how;
    },
    /** After how long it closes idle connections; it says so in its answers. */
    keepAliveMs: (ms: number): void => {
      server.keepAliveTimeout = ms;
    },
    /** As at the start, with nothing seen. */
    reset: (): void => {
      answer = giveProduct;
      seen.length = 0;
    },
    /** Refuses from now on, as a program that has ended. */
    stop,
    start: () => listen(port),
  };
}

export const giveProduct: RequestListener = (_request, response) => {
  sendJson(response, 200, PRODUCT_TEXT, { etag: '"3"' });
};

export function sendJson(
  response: Parameters<RequestListener>[1],
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
