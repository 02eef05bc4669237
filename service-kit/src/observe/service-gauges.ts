import { Injectable } from "@nestjs/common";
import { Database } from "../database/database.ts";
import type { Sql } from "../database/sql.ts";
import { Consumers } from "../messaging/consumers.ts";
import { countWaiting, findOldestWaiting } from "../outbox/outbox.sql.ts";
import { HealthReport } from "./health.ts";
import { Metrics } from "./metrics.ts";

const OUTBOX_COUNTED_TO = 100_000;

/** What is measured when `/metrics` is read: the outbox, the queues, the health of each part. */
@Injectable()
export class ServiceGauges {
  constructor(
    private readonly metrics: Metrics,
    private readonly database: Database,
    private readonly consumers: Consumers,
    health: HealthReport,
  ) {
    this.watchOutbox();
    this.watchQueues();
    metrics.gaugeOfEach("health_check", "1: /health/ready says ok of it; 0: it does not", {
      label: "check",
      read: async () => {
        const { checks } = await health.read();
        return Object.entries(checks).map(([check, result]) => [check, result === "ok" ? 1 : 0]);
      },
    });
  }

  /** A gauge that the database is asked for; none while it does not answer. */
  fromDatabase(name: string, help: string, read: (sql: Sql) => Promise<number>): void {
    this.metrics.gauge(name, help, () =>
      this.database.answers().then((yes) => (yes ? read(this.database.sql) : NaN)),
    );
  }

  private watchOutbox(): void {
    this.fromDatabase("outbox_rows", "Events that the broker has not confirmed yet", (sql) =>
      countWaiting(sql, OUTBOX_COUNTED_TO),
    );
    this.fromDatabase(
      "outbox_oldest_seconds",
      "Age of the oldest event that the broker has not confirmed yet; 0 without one",
      async (sql) => {
        const since = await findOldestWaiting(sql);
        return since ? Math.max(0, Date.now() - since.getTime()) / 1_000 : 0;
      },
    );
  }

  private watchQueues(): void {
    const depths = (one: "waiting" | "dead") => () =>
      this.consumers.all.map(({ queue, depths: both }) => [queue.name, both[one]] as const);
    this.metrics.gaugeOfEach("queue_messages", "Messages that wait in a queue of this service", {
      label: "queue",
      read: depths("waiting"),
    });
    this.metrics.gaugeOfEach(
      "dead_letter_queue_messages",
      "Messages in the dead-letter queue of a queue",
      { label: "queue", read: depths("dead") },
    );
  }
}
