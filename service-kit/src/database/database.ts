import type { DataSource, QueryRunner } from "typeorm";
import { SingleFlight } from "../async/single-flight.ts";
import { backoffMs, within } from "../async/limited-wait.ts";
import type { Logger } from "../log/logger.ts";
import { StoppableLoop } from "../async/stoppable-loop.ts";
import { DatabaseAway, isRefusal } from "./database-errors.ts";
import { sqlOn, type PgClient, type Sql } from "./sql.ts";
import { runTransaction, type OpenTransaction } from "./transaction.ts";

const CONNECT_BACKOFF = { first: 200, most: 2_000 };
const PING_LIMIT_MS = 1_000;
/** With nobody there one try to connect is made in this time, and not one for each request: each makes a client and a socket. */
const REFUSED_FOR_MS = 100;
/** Longer than a connection and its look at the migrations take; with the database away the service says so meanwhile. */
const FIRST_TRY_MS = 2_000;

/**
 * The service's database: connects and migrates in the background, so that a service starts, and says what it waits
 * for, while its database is away. Once connected, pg's pool makes new connections by itself.
 */
export class Database {
  private ready = false;
  private attempt = 0;
  private readonly pings = new SingleFlight<"ping", boolean>();
  private refusedAt = -Infinity;
  private readonly firstTry = Promise.withResolvers<void>();
  private readonly connecting: StoppableLoop;

  constructor(
    readonly dataSource: DataSource,
    private readonly migrate: () => Promise<number>,
    private readonly log: Logger,
  ) {
    this.connecting = new StoppableLoop(
      (signal) => this.connect(signal),
      (error) => this.retry(error),
    );
  }

  /** Done when it is connected, or when the first try has failed or takes too long: then it goes on behind. */
  async start(): Promise<void> {
    this.connecting.start();
    await within(FIRST_TRY_MS, this.firstTry.promise, () => new DatabaseAway()).catch(
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    await this.connecting.stop();
    this.ready = false;
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  /** Whether it has been connected; it may still be away at the moment. */
  get connected(): boolean {
    return this.ready;
  }

  /** Whether it answers now; whoever asks meanwhile hears the same. */
  answers(): Promise<boolean> {
    return this.pings.do("ping", () => this.ping());
  }

  private async ping(): Promise<boolean> {
    if (!this.ready) return false;
    const ping = this.sql.query("SELECT 1");
    return within(PING_LIMIT_MS, ping, () => new DatabaseAway()).then(
      () => true,
      () => false,
    );
  }

  /** Single statements, each on a connection of the pool. */
  readonly sql: Sql = {
    query: <Row extends object>(text: string, values?: readonly unknown[]) =>
      this.withClient((client) => sqlOn(client).query<Row>(text, values)),
  };

  /** Commits what `work` did, or nothing. */
  transaction<T>(work: (transaction: OpenTransaction) => Promise<T>): Promise<T> {
    return this.withClient((client) => runTransaction(client, work));
  }

  private async withClient<T>(work: (client: PgClient) => Promise<T>): Promise<T> {
    const isRefused = performance.now() - this.refusedAt < REFUSED_FOR_MS;
    if (!this.ready || isRefused) throw new DatabaseAway();
    const runner = this.dataSource.createQueryRunner();
    let client: PgClient | undefined;
    try {
      client = await this.clientOf(runner);
      return await work(client);
    } finally {
      // A wait that was given up has destroyed the stream. The pool hears of that too late, and would lend it to a neighbour.
      if (client?.connection.stream.destroyed) void client.end();
      await runner.release();
    }
  }

  private async clientOf(runner: QueryRunner): Promise<PgClient> {
    try {
      return (await runner.connect()) as PgClient;
    } catch (error) {
      if (isRefusal(error)) this.refusedAt = performance.now();
      throw error;
    }
  }

  private async connect(signal: AbortSignal): Promise<number> {
    const applied = await this.migrate();
    await this.dataSource.initialize();
    this.ready = true;
    this.firstTry.resolve();
    this.log.info({ migrationsApplied: applied }, "database connected");
    // Stopped while it was connecting: that abort is over and would not be heard.
    if (signal.aborted) return 0;
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return 0;
  }

  private retry(error: unknown): number {
    this.firstTry.resolve();
    const restMs = backoffMs(this.attempt, CONNECT_BACKOFF);
    this.attempt += 1;
    this.log.warn({ err: error, retryInMs: Math.round(restMs) }, "waiting for the database");
    return restMs;
  }
}
