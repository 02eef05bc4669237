import type { DataSource, DataSourceOptions, EntityManager } from "typeorm";
import { backoffMs, within } from "../limited-wait.ts";
import type { Logger } from "../log/logger.ts";
import { StoppableLoop } from "../stoppable-loop.ts";
import { DatabaseAway } from "./database-errors.ts";
import { migrate } from "./migrate.ts";

const CONNECT_BACKOFF = { first: 200, most: 2_000 };
const PING_LIMIT_MS = 1_000;

/** What of a pg client is used here, beside TypeORM. */
interface PgClient {
  end(): Promise<void>;
}

/**
 * The service's database: connects and migrates in the background, so that a service starts, and says what it waits
 * for, while its database is away. Once connected, pg's pool makes new connections by itself.
 */
export class Database {
  private ready = false;
  private attempt = 0;
  private readonly connecting: StoppableLoop;

  constructor(
    readonly dataSource: DataSource,
    private readonly log: Logger,
  ) {
    this.connecting = new StoppableLoop(
      (signal) => this.connect(signal),
      (error) => this.retry(error),
    );
  }

  start(): void {
    this.connecting.start();
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

  /** Whether it answers now. */
  async answers(): Promise<boolean> {
    if (!this.ready) return false;
    const ping = this.dataSource.query("SELECT 1");
    return within(PING_LIMIT_MS, ping, () => new DatabaseAway()).then(
      () => true,
      () => false,
    );
  }

  /** The manager for single statements. */
  get manager(): EntityManager {
    if (!this.ready) throw new DatabaseAway();
    return this.dataSource.manager;
  }

  /** Commits what `work` did, or nothing. A connection in an unknown state never goes back to the pool. */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    if (!this.ready) throw new DatabaseAway();
    const runner = this.dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as PgClient;
      try {
        await runner.startTransaction();
        const result = await work(runner.manager);
        await runner.commitTransaction();
        return result;
      } catch (error) {
        await runner.rollbackTransaction().catch(() => client.end().catch(() => undefined));
        throw error;
      }
    } finally {
      await runner.release();
    }
  }

  private async connect(signal: AbortSignal): Promise<number> {
    const applied = await migrate(
      this.dataSource.options as DataSourceOptions & { type: "postgres" },
    );
    await this.dataSource.initialize();
    this.ready = true;
    this.log.info({ migrationsApplied: applied }, "database connected");
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return 0;
  }

  private retry(error: unknown): number {
    const restMs = backoffMs(this.attempt, CONNECT_BACKOFF);
    this.attempt += 1;
    this.log.warn({ err: error, retryInMs: Math.round(restMs) }, "waiting for the database");
    return restMs;
  }
}
