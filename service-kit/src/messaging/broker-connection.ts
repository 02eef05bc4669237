import { backoffMs } from "../async/limited-wait.ts";
import type { Logger } from "../log/logger.ts";
import { StoppableLoop } from "../async/stoppable-loop.ts";
import { BrokerSession } from "./broker-session.ts";

/** For injection: a service has one connection for each purpose. */
export const PUBLISHING = Symbol("publishing connection");
export const CONSUMING = Symbol("consuming connection");

const RECONNECT_BACKOFF = { first: 200, most: 3_000 };

export type SetUp = (session: BrokerSession) => Promise<void>;

/**
 * Keeps a session to the broker: connects, runs every set-up in order (topology, publisher, consumers), waits for the
 * session's end, and starts over, for as long as the service lives. Never throws, never gives up, needs no broker at start.
 */
export class BrokerConnection {
  private readonly setUps: SetUp[] = [];
  private readonly loop: StoppableLoop;
  private attempt = 0;
  private isUp = false;

  constructor(
    private readonly url: string,
    private readonly name: string,
    private readonly log: Logger,
  ) {
    this.loop = new StoppableLoop(
      (signal) => this.liveThroughSession(signal),
      (error) => this.retry(error),
    );
  }

  /** Runs on every new session, in the order of the calls. */
  onSession(setUp: SetUp): void {
    this.setUps.push(setUp);
  }

  get up(): boolean {
    return this.isUp;
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  private async liveThroughSession(signal: AbortSignal): Promise<number> {
    const session = await BrokerSession.open(this.url, this.name, signal);
    const end = (): void => session.fail(new Error("the service is stopping"));
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    try {
      for (const setUp of this.setUps) await Promise.race([setUp(session), failure(session)]);
      this.isUp = true;
      this.attempt = 0;
      this.log.info({ connection: this.name }, "broker connected");
      const reason = await session.ended;
      if (signal.aborted) return 0;
      throw reason;
    } finally {
      this.isUp = false;
      signal.removeEventListener("abort", end);
      await session.close();
    }
  }

  private retry(error: unknown): number {
    const restMs = backoffMs(this.attempt, RECONNECT_BACKOFF);
    this.attempt += 1;
    this.log.warn(
      { err: error, connection: this.name, retryInMs: Math.round(restMs) },
      "waiting for the broker",
    );
    return restMs;
  }
}

async function failure(session: BrokerSession): Promise<never> {
  throw await session.ended;
}
