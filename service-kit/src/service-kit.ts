import type { EventType } from "@shop/contracts/event";
import type { WorkQueue } from "@shop/contracts/topology";
import type { DestinationStream } from "pino";
import { DataSource } from "typeorm";
import { RedisCache } from "./cache/redis-cache.ts";
import type { ServiceConfig } from "./config/variables.ts";
import { dataSourceOptions, type Schema } from "./database/data-source.ts";
import { Database } from "./database/database.ts";
import { migrate } from "./database/migrate.ts";
import type { Sql } from "./database/sql.ts";
import { createLogger, EventLog, type Logger } from "./log/logger.ts";
import { BatchConsumer } from "./messaging/batch-consumer.ts";
import type { Handle } from "./messaging/handle-batch.ts";
import { BrokerConnection } from "./messaging/broker-connection.ts";
import { declareExchanges } from "./messaging/declare-topology.ts";
import { Publisher } from "./messaging/publisher.ts";
import { HealthReport } from "./observe/health.ts";
import { Metrics } from "./observe/metrics.ts";
import { countWaiting, findOldestWaiting } from "./outbox/outbox.sql.ts";
import { Relay } from "./outbox/relay.ts";
import { UnitOfWork } from "./outbox/unit-of-work.ts";
import type { Part } from "./run-service.ts";

const OUTBOX_COUNTED_TO = 100_000;

export interface KitOptions {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly schema: Schema;
  readonly logDestination?: DestinationStream | undefined;
}

/** What a service runs on, put together. Nothing is started and nothing is connected yet. */
export class ServiceKit {
  readonly log: Logger;
  readonly events: EventLog;
  readonly metrics = new Metrics();
  readonly database: Database;
  readonly redis: RedisCache;
  readonly work: UnitOfWork;
  readonly publisher: Publisher;
  readonly health: HealthReport;
  readonly internalToken: string | undefined;
  /** Apart from each other: a broker that blocks publishers must go on taking our acks. */
  readonly consuming: BrokerConnection;
  private readonly publishing: BrokerConnection;
  private readonly relay: Relay;
  private readonly consumers: BatchConsumer<EventType>[] = [];

  constructor({ name, config, schema, logDestination }: KitOptions) {
    this.log = createLogger({ name, level: config.LOG_LEVEL }, logDestination);
    this.internalToken = config.INTERNAL_TOKEN;
    this.events = new EventLog(this.log, config.LOG_EVENTS ? "info" : "debug");
    this.database = new Database(
      new DataSource(dataSourceOptions(name, config, schema)),
      () => migrate(name, config, schema),
      this.log,
    );
    this.redis = new RedisCache(config.REDIS_URL, this.log);

    this.publishing = new BrokerConnection(config.RABBITMQ_URL, `${name} publishes`, this.log);
    this.consuming = new BrokerConnection(config.RABBITMQ_URL, `${name} consumes`, this.log);
    this.publishing.onSession(declareExchanges);
    this.consuming.onSession(declareExchanges);
    this.publisher = new Publisher(this.publishing, () => this.relay.nudge());

    const { log, events, metrics } = this;
    this.relay = new Relay(this.database, this.publisher, { log, events, observer: metrics.relay });
    this.work = new UnitOfWork(this.database, this.relay);
    this.health = this.healthReport();
    this.watchOutbox();
    this.watchQueues();
    this.metrics.gaugeOfEach("health_check", "1: /health/ready says ok of it; 0: it does not", {
      label: "check",
      read: async () => {
        const { checks } = await this.health.read();
        return Object.entries(checks).map(([check, result]) => [check, result === "ok" ? 1 : 0]);
      },
    });
  }

  /** A gauge that the database is asked for; none while it does not answer. */
  gaugeFromDatabase(name: string, help: string, read: (sql: Sql) => Promise<number>): void {
    this.metrics.gauge(name, help, () =>
      this.database.answers().then((yes) => (yes ? read(this.database.sql) : NaN)),
    );
  }

  /** Takes a work queue in batches from the start of the service to its end. */
  consume<T extends EventType>(queue: WorkQueue, types: readonly T[], handle: Handle<T>): void {
    const { log, events, metrics } = this;
    const options = { queue, types, handle, log, events, observer: metrics.consumer };
    this.consumers.push(new BatchConsumer(this.consuming, options));
  }

  /** In the order of starting. Stopped in the reverse order: consumers finish, the relay drains, connections close. */
  parts(): Part[] {
    return [
      { name: "database", start: () => this.database.start(), stop: () => this.database.stop() },
      { name: "redis", start: () => this.redis.start(), stop: () => this.redis.stop() },
      {
        name: "publishing",
        start: () => this.publishing.start(),
        stop: () => this.publishing.stop(),
      },
      { name: "relay", start: () => this.relay.start(), stop: () => this.relay.stop() },
      { name: "consuming", start: () => this.consuming.start(), stop: () => this.consuming.stop() },
      ...this.consumers.map((consumer) => ({
        name: "consumer",
        start: () => undefined,
        stop: () => consumer.stop(),
      })),
    ];
  }

  private watchOutbox(): void {
    this.gaugeFromDatabase("outbox_rows", "Events that the broker has not confirmed yet", (sql) =>
      countWaiting(sql, OUTBOX_COUNTED_TO),
    );
    this.gaugeFromDatabase(
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
      this.consumers.map(({ queue, depths: all }) => [queue.name, all[one]] as const);
    this.metrics.gaugeOfEach("queue_messages", "Messages that wait in a queue of this service", {
      label: "queue",
      read: depths("waiting"),
    });
    this.metrics.gaugeOfEach("dead_queue_messages", "Messages in the dead queue of a queue", {
      label: "queue",
      read: depths("dead"),
    });
  }

  private healthReport(): HealthReport {
    return new HealthReport({
      required: { database: () => this.database.answers() },
      optional: {
        broker: () => this.publisher.available,
        consumers: () => this.consuming.up && this.consumers.every(({ consuming }) => consuming),
        redis: () => this.redis.answers(),
      },
    });
  }
}
