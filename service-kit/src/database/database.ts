import type { DataSource, EntityManager, QueryRunner } from "typeorm";
import { SingleFlight } from "../async/single-flight.ts";
import { backoffMs, within } from "../async/limited-wait.ts";
import type { Logger } from "../log/logger.ts";
import { StoppableLoop } from "../async/stoppable-loop.ts";
import { DatabaseUnavailable, isRefusal } from "./database-errors.ts";
import { sqlOn, type PgClient, type Sql } from "./sql.ts";
import { runTransaction, type OpenTransaction } from "./transaction.ts";

const CONNECT_BACKOFF = { first: 200, most: 2_000 };
const PING_LIMIT_MS = 1_000;
/** While the connection is refused it is tried once in this time, and not for each request: each try makes a client and a socket. */
const REFUSED_FOR_MS = 100;
/** Longer than a connection and its look at the migrations take; with the database away the service says so meanwhile. */
const FIRST_TRY_MS = 2_000;

export interface ManagedTransaction {
  readonly manager: EntityManager;
  readonly sql: Sql;
}

interface Connection {
  readonly runner: QueryRunner;
  readonly client: PgClient;
}

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
    await within(FIRST_TRY_MS, this.firstTry.promise, () => new DatabaseUnavailable()).catch(
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

  /** Whether it answers now. Callers at the same time share one ping. */
  answers(): Promise<boolean> {
    return this.pings.do("ping", () => this.ping());
  }

  private async ping(): Promise<boolean> {
    if (!this.ready) return false;
    const ping = this.sql.query("SELECT 1");
    return within(PING_LIMIT_MS, ping, () => new DatabaseUnavailable()).then(
      () => true,
      () => false,
    );
  }

  /** Single statements, each on a connection of the pool. */
  readonly sql: Sql = {
    query: <Row extends object>(text: string, values?: readonly unknown[]) =>
      this.withConnection(({ client }) => sqlOn(client).query<Row>(text, values)),
  };

  /** TypeORM's repositories, on one connection of the pool. */
  withManager<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.withConnection(({ runner }) => work(runner.manager));
  }

  /** Commits what `work` did, or nothing: TypeORM's own transaction, for its repositories and for SQL. */
  transaction<T>(work: (open: ManagedTransaction) => Promise<T>): Promise<T> {
    return this.withConnection(async ({ runner, client }) => {
      try {
        return await runner.manager.transaction((manager) => work({ manager, sql: sqlOn(client) }));
      } finally {
        // Its rollback has failed: a connection in an unknown state never goes back to the pool.
        if (runner.isTransactionActive) client.end().catch(() => undefined);
      }
    });
  }

  /** The same for batches of SQL: two round trips less. */
  batchTransaction<T>(work: (open: OpenTransaction) => Promise<T>): Promise<T> {
    return this.withConnection(({ client }) => runTransaction(client, work));
  }

  private async withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const isRefused = performance.now() - this.refusedAt < REFUSED_FOR_MS;
    if (!this.ready || isRefused) throw new DatabaseUnavailable();
    const runner = this.dataSource.createQueryRunner();
    let client: PgClient | undefined;
    try {
      client = await this.clientOf(runner);
      return await work({ runner, client });
    } finally {
      // A wait that timed out has destroyed the stream. The pool hears of that too late, and would lend it to the next caller.
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
