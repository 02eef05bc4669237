import { createClient } from "@redis/client";
import { CircuitBreaker } from "../async/breaker.ts";
import { backoffMs, within } from "../async/limited-wait.ts";
import type { Logger } from "../log/logger.ts";
import { cacheScripts } from "./cache-scripts.ts";

/** 60 with the grace of `within`: longer than any healthy answer, shorter than a database read under load. */
const COMMAND_LIMIT_MS = 40;
const CONNECT_LIMIT_MS = 1_000;
/** A silent server is cut off after this; the ping keeps an idle healthy connection from looking silent. */
const SOCKET_SILENCE_MS = 3_000;
const PING_MS = 1_000;
const MAX_QUEUED_COMMANDS = 2_000;
const RECONNECT_BACKOFF = { first: 100, most: 1_000 };
const BREAKER_FAILURES = 3;
const BREAKER_OPEN_MS = 500;

function connectionTo(url: string, log: Logger) {
  const client = createClient({
    url,
    scripts: cacheScripts,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    pingInterval: PING_MS,
    // Its account need not know a command for that, which older servers do not have.
    disableClientInfo: true,
    // Bounded by COMMAND_LIMIT_MS. The client's own limit is a signal for each command that stays in memory for its 5 s.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: CONNECT_LIMIT_MS,
      socketTimeout: SOCKET_SILENCE_MS,
      // Always a number: with anything else the client would stay dead for good.
      reconnectStrategy: (retries: number) => backoffMs(retries, RECONNECT_BACKOFF),
    },
  });
  let lastMessage = "";
  client.on("error", (error: Error) => {
    // One line for each kind of trouble, not one for each try.
    if (error.message !== lastMessage)
      log.warn({ err: error }, "redis is not there; going on without it");
    lastMessage = error.message;
  });
  client.on("ready", () => {
    lastMessage = "";
    log.info("redis connected");
  });
  return client;
}

export type RedisConnection = ReturnType<typeof connectionTo>;

/**
 * Redis as a hint: every call answers within a bound, and `undefined` stands for every kind of trouble, so no caller can
 * mistake it for a value. While Redis is silent a breaker spares callers even that bound.
 */
export class RedisCache {
  private readonly client: RedisConnection;
  private readonly breaker: CircuitBreaker;

  constructor(url: string, log: Logger) {
    this.client = connectionTo(url, log);
    this.breaker = new CircuitBreaker({
      failures: BREAKER_FAILURES,
      openMs: BREAKER_OPEN_MS,
      onOpen: () => log.warn("redis does not answer in time; going on without it"),
      onClose: () => log.info("redis answers again"),
    });
  }

  /** Not awaited by anybody: the service starts without Redis. */
  start(): void {
    this.client.connect().catch(() => undefined);
  }

  stop(): void {
    this.client.destroy();
  }

  get connected(): boolean {
    return this.client.isReady;
  }

  async answers(): Promise<boolean> {
    return (await this.ask((client) => client.ping())) !== undefined;
  }

  /** What Redis says, or `undefined` when it does not say it in time. */
  async ask<T>(command: (client: RedisConnection) => Promise<T>): Promise<T | undefined> {
    if (!this.client.isReady) return undefined;
    return this.inTime(() => command(this.client));
  }

  /**
   * For writers: sent also while the breaker is open, which only spares them the wait. Redis may be well by then, and a write that is
   * left out would leave a stale value in it.
   */
  async send(command: (client: RedisConnection) => Promise<unknown>): Promise<void> {
    if (!this.client.isReady) return;
    const answer = command(this.client);
    // With the breaker open it is not awaited.
    answer.catch(() => undefined);
    await this.inTime(() => answer);
  }

  private async inTime<T>(answer: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.breaker.run(() =>
        within(COMMAND_LIMIT_MS, answer(), () => new Error("redis did not answer in time")),
      );
    } catch {
      return undefined;
    }
  }
}
