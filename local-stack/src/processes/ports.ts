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

export const freePort = async (): Promise<number> => (await lastingPorts(1))[0]!;

/** Above the ports that npm start takes by itself. */
const LASTING = { from: 22_000, count: 8_000 };

const given = new Set<number>();

/**
 * Ports that stay free until somebody listens there, and while whoever does is away for a moment: below those that the system gives
 * to outgoing connections, of which one may even meet itself when it tries a port where nobody listens. None is given twice.
 */
export async function lastingPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = LASTING.from + Math.floor(Math.random() * LASTING.count);
    if (given.has(port) || !(await isPortFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}
