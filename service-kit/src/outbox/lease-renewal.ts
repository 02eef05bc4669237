import type { Database } from "../database/database.ts";
import type { Logger } from "../log/logger.ts";
import { StoppableLoop } from "../async/stoppable-loop.ts";
import { leaseFor, type OutboxRow } from "./outbox.sql.ts";

const LOOK_MS = 500;

interface Batch {
  readonly rows: readonly OutboxRow[];
  /** It was in hand at the last look already: in quiet no batch ever is, and nothing is renewed. */
  isOld: boolean;
}

/**
 * What a slow broker has not answered for yet stays leased to the relay that gave it: whoever took it would publish it again, and
 * make the broker slower still. A renewal that fails only means that rows are published again, which is allowed.
 */
export class LeaseRenewal {
  private readonly inHand = new Set<Batch>();
  private readonly looking: StoppableLoop;

  constructor(
    private readonly database: Database,
    private readonly leaseMs: number,
    log: Logger,
  ) {
    this.looking = new StoppableLoop(
      () => this.look(),
      (error) => {
        log.warn({ err: error }, "leases were not renewed: events may be published again");
        return LOOK_MS;
      },
    );
  }

  start(): void {
    this.looking.start();
  }

  async stop(): Promise<void> {
    await this.looking.stop();
  }

  /** Until the broker has answered for all of them, which `publishing` has a limit for. */
  async whilePublishing<T>(rows: readonly OutboxRow[], publishing: Promise<T>): Promise<T> {
    const batch = { rows, isOld: false };
    this.inHand.add(batch);
    try {
      return await publishing;
    } finally {
      this.inHand.delete(batch);
    }
  }

  private async look(): Promise<number> {
    const ids: string[] = [];
    for (const batch of this.inHand) {
      if (batch.isOld) ids.push(...batch.rows.map(({ id }) => id));
      batch.isOld = true;
    }
    if (ids.length > 0) await leaseFor(this.database.sql, ids, this.leaseMs);
    return LOOK_MS;
  }
}
