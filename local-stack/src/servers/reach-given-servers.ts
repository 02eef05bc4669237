import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as rest } from "node:timers/promises";

const LIMIT_MS = 8_000;
const AGAIN_MS = 500;
const USUAL_PORTS: Record<string, number> = {
  "postgres:": 5432,
  "postgresql:": 5432,
  "redis:": 6379,
  "rediss:": 6379,
  "amqp:": 5672,
  "amqps:": 5671,
};

export interface GivenServer {
  readonly variable: string;
  readonly url: string;
}

/** Servers that the user has given must answer at all: else a program would wait for one without a word. */
export async function reachGivenServers(
  given: readonly GivenServer[],
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const failures = await Promise.all(given.map((one) => reach(one, limit)));
  signal.throwIfAborted();
  const messages = failures.filter((message) => message !== undefined);
  if (messages.length > 0) throw new Error(messages.join("\n"));
}

async function reach(
  { variable, url }: GivenServer,
  limit: AbortSignal,
): Promise<string | undefined> {
  const { hostname, protocol, port: given } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const port = Number(given) || USUAL_PORTS[protocol] || 0;
  let why = "no answer in time";
  while (!limit.aborted) {
    const socket: Socket = connect({ host, port });
    try {
      await once(socket, "connect", { signal: limit });
      return undefined;
    } catch (error) {
      if (!limit.aborted) why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      await rest(AGAIN_MS, undefined, { signal: limit }).catch(() => undefined);
    } finally {
      socket.destroy();
    }
  }
  return `${variable}: nothing answers at ${hostname}:${port} (${why}). Start that server, or leave ${variable} out.`;
}
