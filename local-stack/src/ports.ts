import { createServer, type Server } from "node:net";
import { once } from "node:events";

export const LOOPBACK = "127.0.0.1";

async function listenOn(port: number): Promise<Server> {
  const server = createServer();
  server.listen({ port, host: LOOPBACK, exclusive: true });
  await once(server, "listening");
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

export async function isPortFree(port: number): Promise<boolean> {
  try {
    await close(await listenOn(port));
    return true;
  } catch {
    return false;
  }
}

/** All are held open together before any is given back, so that they differ from each other. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenOn(0)));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map(close));
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("this machine gave no free port");
  return port;
}

const LASTING = { from: 20_000, count: 10_000 };

/**
 * Ports that stay free while whoever listens there is away for a moment: below those that the system gives to outgoing
 * connections, of which one may even meet itself when it tries a port where nobody listens.
 */
export async function lastingPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LASTING.from + Math.floor(Math.random() * LASTING.count);
    if (await isPortFree(port)) ports.add(port);
  }
  return [...ports];
}
