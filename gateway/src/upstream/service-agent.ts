import { Agent as HttpAgent, type AgentOptions } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { limitConnecting } from "./connect-limit.ts";

/** Well below the services' 65 s: it is never the service that closes a connection that is about to be used. */
export const FREE_SOCKET_MS = 5_000;
/** For an answer that says when its service closes idle connections: this much earlier. */
const BEFORE_SERVICE_MS = 1_000;
const SWEEP_EVERY_MS = 250;

/** The name for TLS, which Node would work out for each request although there is none. */
const NO_TLS = { servername: "" };

/** What keeps connections to one instance. */
export interface ServiceAgent {
  readonly agent: HttpAgent;
  /** The `Keep-Alive` of an answer. */
  heed(keepAlive: string | string[] | undefined): void;
  /** Closes the connections that are not in use. */
  dropFree(): void;
  close(): void;
}

/**
 * Node's agent has a timeout for free sockets, but sets it up anew for every request, which costs more than all of our steps that
 * check one. Here a socket only notes when it became free, and a sweep closes those that have been free for too long.
 */
export function createServiceAgent(secure: boolean, options: AgentOptions): ServiceAgent {
  const freeSince = new WeakMap<object, number>();
  let lastHint: string | string[] | undefined;
  let freeForMs = FREE_SOCKET_MS;

  const agent = limitConnecting(
    secure
      ? new HttpsAgent({ ...options, keepAlive: true })
      : new HttpAgent({ ...options, ...NO_TLS, keepAlive: true }),
    secure,
  );
  agent.keepSocketAlive = (socket): boolean => {
    freeSince.set(socket, performance.now());
    return freeForMs > 0;
  };
  const closeFreeSince = (before: number): void => {
    for (const socket of Object.values(agent.freeSockets).flat()) {
      if (socket && (freeSince.get(socket) ?? 0) <= before) socket.destroy();
    }
  };
  const sweep = setInterval(() => closeFreeSince(performance.now() - freeForMs), SWEEP_EVERY_MS);

  return {
    agent,
    heed: (keepAlive) => {
      if (keepAlive === lastHint) return;
      lastHint = keepAlive;
      const [, seconds] = /timeout=(\d+)/.exec(String(keepAlive)) ?? [];
      const hintMs = seconds === undefined ? Infinity : Number(seconds) * 1_000 - BEFORE_SERVICE_MS;
      freeForMs = Math.min(FREE_SOCKET_MS, hintMs);
    },
    dropFree: () => closeFreeSince(performance.now()),
    close: () => {
      clearInterval(sweep);
      agent.destroy();
    },
  };
}
