import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** How many connections go through it now. */
  readonly connections: number;
  /** The given URL, through the proxy. */
  through(url: string): string;
  /** Breaks every connection and refuses new ones, as a server that died. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** Keeps connections open and lets nothing through, as a server that hangs. */
  stall(): void;
  flow(): void;
  stop(): Promise<void>;
}

/** A way to a real server that can be cut or stalled without touching what other tests use. */
export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let stalled = false;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      if (stalled) from.pause();
      from.on("data", (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on("drain", () => {
        if (!stalled) from.resume();
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    get connections() {
      return sockets.size / 2;
    },
    through: (url) =>
      Object.assign(new URL(url), { port: String(port), hostname: "127.0.0.1" }).href,
    cut: close,
    restore: () => listen(port),
    stall: () => {
      stalled = true;
      for (const socket of sockets) socket.pause();
    },
    flow: () => {
      stalled = false;
      for (const socket of sockets) socket.resume();
    },
    stop: async () => {
      if (server.listening) await close();
    },
  };
}
