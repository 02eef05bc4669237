import { Batcher } from "../async/batcher.ts";
import type { Database } from "../database/database.ts";
import { backoffMs, within } from "../async/limited-wait.ts";
import type { EventLog, Logger } from "../log/logger.ts";
import type { Outcome, Publisher } from "../messaging/publisher.ts";
import { StoppableLoop } from "../async/stoppable-loop.ts";
import { LeaseRenewal } from "./lease-renewal.ts";
import { leaseFor, leaseOverdue, type OutboxRow } from "./outbox.sql.ts";
import { PublishedMarks } from "./published-marks.ts";

/** How long a row belongs to the one who wrote or took it; after that any relay may publish it, unless it was renewed. */
export const LEASE_MS = 3_000;
/** A row that waited in memory for so long is left to the poller: its lease may be over before it is renewed. */
const FRESH_MS = 1_500;
const POLL_MS = 500;
const POLL_BATCH = 500;
const PUBLISH_BATCH = 250;
const PUBLISHING_AT_ONCE = 3;
const MAX_IN_MEMORY = 10_000;
const UNROUTABLE_REST_MS = 1_000;
const DRAIN_LIMIT_MS = 3_000;
/** For a poller that gets nowhere, because it can't read or because the broker takes nothing. */
const POLL_BACKOFF = { first: 200, most: 3_000 };

export interface RelayObserver {
  published(count: number): void;
  unpublished(outcome: Outcome, count: number): void;
}

/**
 * Brings outbox rows to the broker, at least once. What this process has just committed goes from memory, within the same
 * millisecond; what lost its lease (a crash, an outage) comes from the table. No transaction is open meanwhile.
 */
export class Relay {
  private readonly publishing: Batcher<OutboxRow, void>;
  private readonly leases: LeaseRenewal;
  private readonly marks: PublishedMarks;
  private readonly polling: StoppableLoop;
  private attempt = 0;

  constructor(
    private readonly database: Database,
    private readonly publisher: Publisher,
    private readonly logs: { log: Logger; events: EventLog; observer: RelayObserver },
  ) {
    const refuse = (): Error => new Error("left to the poller");
    this.publishing = new Batcher({
      run: (rows) => this.publishAll(rows),
      maxBatch: PUBLISH_BATCH,
      maxRunning: PUBLISHING_AT_ONCE,
      maxWaiting: MAX_IN_MEMORY,
      maxWaitMs: FRESH_MS,
      refuse,
    });
    publisher.whenAvailable(() => this.nudge());
    this.leases = new LeaseRenewal(database, LEASE_MS, logs.log);
    this.marks = new PublishedMarks(database, logs.log);
    this.polling = new StoppableLoop(
      () => this.poll(),
      (error) => this.rest(error),
    );
  }

  start(): void {
    this.leases.start();
    this.polling.start();
  }

  /** Publishes what is in memory, if the broker is there. Whatever is left is in the table. */
  async stop(): Promise<void> {
    await within(DRAIN_LIMIT_MS, this.drain(), () => new Error("drain limit")).catch(() =>
      this.logs.log.warn("the relay did not drain in time; what is left waits in the outbox"),
    );
    // What the broker still has is for whoever comes next, when its lease is over.
    void this.leases.stop();
  }

  /** All of it waits for the broker, the poller's last turn included. */
  private async drain(): Promise<void> {
    await this.polling.stop();
    await this.publishing.drained();
    await this.marks.stop();
  }

  /** Takes rows that were committed just now. Never waits and never fails: the table has them anyway. */
  offer(rows: readonly OutboxRow[]): void {
    if (!this.publisher.available) return;
    for (const row of rows) this.publishing.add(row).catch(() => undefined);
  }

  nudge(): void {
    this.polling.nudge();
  }

  private async publishAll(rows: readonly OutboxRow[]): Promise<PromiseSettledResult<void>[]> {
    await this.publish(rows);
    return rows.map(() => ({ status: "fulfilled", value: undefined }));
  }

  /** Gives back how many the broker has. */
  private async publish(rows: readonly OutboxRow[]): Promise<number> {
    const { observer, events, log } = this.logs;
    const outcomes = await this.leases.whilePublishing(rows, this.publisher.publish(rows));
    const having = (wanted: Outcome): OutboxRow[] => rows.filter((_, i) => outcomes[i] === wanted);

    const confirmed = having("confirmed");
    observer.published(confirmed.length);
    events.published(confirmed);
    this.marks.add(confirmed.map(({ id }) => id));

    const returned = having("returned");
    const refused = having("refused");
    observer.unpublished("returned", returned.length);
    observer.unpublished("refused", refused.length);
    observer.unpublished("unknown", having("unknown").length);
    if (returned.length > 0) {
      log.warn(
        { count: returned.length, type: returned[0]?.type },
        "no queue takes an event: it stays in the outbox until its consumer has declared one",
      );
    }
    const later = [...returned, ...refused].map(({ id }) => id);
    if (later.length > 0) await leaseFor(this.database.sql, later, UNROUTABLE_REST_MS);
    return confirmed.length;
  }

  /**
   * While there is much to take it goes on at once, unless the broker refuses most of it (its queue is full): then ever later.
   * While the broker is away it takes nothing, and the table keeps it.
   */
  private async poll(): Promise<number> {
    if (!this.publisher.available || !this.database.connected) return POLL_MS;
    const rows = await leaseOverdue(this.database.sql, { leaseMs: LEASE_MS, most: POLL_BATCH });
    const confirmed = rows.length > 0 ? await this.publish(rows) : 0;
    const isFull = rows.length === POLL_BATCH;
    if (isFull && confirmed < POLL_BATCH / 2) return this.later();
    this.attempt = 0;
    return isFull ? 0 : POLL_MS;
  }

  private rest(error: unknown): number {
    this.logs.log.warn({ err: error }, "the relay could not read its outbox");
    return this.later();
  }

  private later(): number {
    this.attempt += 1;
    return backoffMs(this.attempt, POLL_BACKOFF);
  }
}
