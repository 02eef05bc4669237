import type { Database } from "../database/database.ts";
import type { Logger } from "../log/logger.ts";
import { deletePublished } from "./outbox.sql.ts";

/** Far below the lease, so that a row is marked before anybody would publish it again. */
const FLUSH_MS = 100;
const FLUSH_AT_ROWS = 1_000;

/**
 * Marks published rows some at a time: nobody waits for the mark, so it need not cost each batch a statement. A mark that is
 * lost, or comes too late, only means that a row is published again, which is allowed.
 */
export class PublishedMarks {
  private ids: string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
  ) {}

  add(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.ids.push(...ids);
    if (this.ids.length >= FLUSH_AT_ROWS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Marks what is there now. */
  async stop(): Promise<void> {
    this.flush();
    await this.flushing;
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const ids = this.ids;
    this.ids = [];
    if (ids.length > 0) this.flushing = this.flushing.then(() => this.mark(ids));
  }

  private async mark(ids: readonly string[]): Promise<void> {
    try {
      await deletePublished(this.database.sql, ids);
    } catch (error) {
      this.log.warn({ err: error, rows: ids.length }, "published rows will be published again");
    }
  }
}
