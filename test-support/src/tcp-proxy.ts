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
  /** Lets answers through byte by byte, as a server that drips. */
  drip(): void;
  flow(): void;
  /** Leads to another server from the next connection on; hands back that server's URL, through the proxy. */
  aim(url: string): string;
  stop(): Promise<void>;
}

const DRIP_EVERY_MS = 200;

/** A way to a real server that can be cut or stalled without touching what other tests use. */
export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  let target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let stalled = false;
  let dripping = false;

  const dripInto = (to: Socket, bytes: Buffer, done: () => void): void => {
    let sent = 0;
    const timer = setInterval(() => {
      const next = dripping ? sent + 1 : bytes.length;
      if (!to.destroyed) to.write(bytes.subarray(sent, next));
      sent = next;
      if (sent < bytes.length && !to.destroyed) return;
      clearInterval(timer);
      done();
    }, DRIP_EVERY_MS);
  };

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
        if (dripping && from === upstream) {
          from.pause();
          dripInto(to, chunk, () => from.resume());
        } else if (!to.write(chunk)) from.pause();
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
  const through = (url: string): string =>
    Object.assign(new URL(url), { port: String(port), hostname: "127.0.0.1" }).href;
  return {
    port,
    get connections() {
      return sockets.size / 2;
    },
    through,
    aim: (url) => {
      target = new URL(url);
      return through(url);
    },
    cut: close,
    restore: () => listen(port),
    stall: () => {
      stalled = true;
      for (const socket of sockets) socket.pause();
    },
    drip: () => {
      dripping = true;
    },
    flow: () => {
      stalled = false;
      dripping = false;
      for (const socket of sockets) socket.resume();
    },
    stop: async () => {
      if (server.listening) await close();
    },
  };
}
