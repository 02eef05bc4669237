import { Module, type DynamicModule, type Provider } from "@nestjs/common";
import { APP_FILTER, APP_PIPE, DiscoveryModule, DiscoveryService } from "@nestjs/core";
import type { DestinationStream } from "pino";
import { DataSource } from "typeorm";
import { BackgroundLoops } from "./background-loops.ts";
import { RedisCache } from "./cache/redis-cache.ts";
import type { ServiceConfig } from "./config/variables.ts";
import { dataSourceOptions, type Schema } from "./database/data-source.ts";
import { Database } from "./database/database.ts";
import { migrate } from "./database/migrate.ts";
import { ContractErrorFilter } from "./http/contract-error.filter.ts";
import { ContractValidationPipe } from "./http/contract-validation.pipe.ts";
import { INTERNAL_TOKEN } from "./http/internal-callers.ts";
import { Lifecycle, PARTS, type Part, type Parts } from "./lifecycle.ts";
import { createLogger, EventLog, LOGGER, type Logger } from "./log/logger.ts";
import { BrokerConnection, CONSUMING, PUBLISHING } from "./messaging/broker-connection.ts";
import { Consumers } from "./messaging/consumers.ts";
import { declareExchanges } from "./messaging/declare-topology.ts";
import { Publisher } from "./messaging/publisher.ts";
import { HealthReport } from "./observe/health.ts";
import { Metrics } from "./observe/metrics.ts";
import { OperationsController } from "./observe/operations.controller.ts";
import { ServiceGauges } from "./observe/service-gauges.ts";
import { Relay } from "./outbox/relay.ts";
import { UnitOfWork } from "./outbox/unit-of-work.ts";

export interface KitOptions {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly schema: Schema;
  readonly logDestination?: DestinationStream | undefined;
}

/** What a service stands on, for injection by class in every module of the service. */
@Module({})
export class KitModule {
  static forRoot(options: KitOptions): DynamicModule {
    return {
      module: KitModule,
      global: true,
      imports: [DiscoveryModule],
      controllers: [OperationsController],
      providers: [
        ...logging(options),
        ...storage(options),
        ...messaging(options),
        ...observation,
        BackgroundLoops,
        Lifecycle,
        { provide: PARTS, useFactory: inOrder, inject: Object.values(PARTS_IN_ORDER) },
        { provide: INTERNAL_TOKEN, useValue: options.config.INTERNAL_TOKEN ?? null },
        { provide: APP_PIPE, useClass: ContractValidationPipe },
        { provide: APP_FILTER, useClass: ContractErrorFilter },
      ],
      exports: [
        BackgroundLoops,
        LOGGER,
        Metrics,
        ServiceGauges,
        Database,
        ...(options.config.REDIS_URL === undefined ? [] : [RedisCache]),
        UnitOfWork,
        Publisher,
      ],
    };
  }
}

const logging = ({ name, config, logDestination }: KitOptions): Provider[] => [
  {
    provide: LOGGER,
    useFactory: () => createLogger({ name, level: config.LOG_LEVEL }, logDestination),
  },
  {
    provide: EventLog,
    useFactory: (log: Logger) => new EventLog(log, config.LOG_EVENTS ? "info" : "debug"),
    inject: [LOGGER],
  },
];

const storage = ({ name, config, schema }: KitOptions): Provider[] => [
  {
    provide: Database,
    useFactory: (log: Logger) =>
      new Database(
        new DataSource(dataSourceOptions(name, config, schema)),
        () => migrate(name, config, schema),
        log,
      ),
    inject: [LOGGER],
  },
  ...(config.REDIS_URL === undefined ? [] : [redisAt(config.REDIS_URL)]),
];

/** A service without a Redis has no such provider. */
const redisAt = (url: string): Provider => ({
  provide: RedisCache,
  useFactory: (log: Logger) => new RedisCache(url, log),
  inject: [LOGGER],
});

/** Two connections: a broker that blocks publishers must go on taking our acks. */
const messaging = ({ name, config }: KitOptions): Provider[] => {
  const connection = (purpose: string) => (log: Logger) => {
    const broker = new BrokerConnection(config.RABBITMQ_URL, `${name} ${purpose}`, log);
    broker.onSession(declareExchanges);
    return broker;
  };
  return [
    { provide: PUBLISHING, useFactory: connection("publishes"), inject: [LOGGER] },
    { provide: CONSUMING, useFactory: connection("consumes"), inject: [LOGGER] },
    {
      provide: Publisher,
      useFactory: (broker: BrokerConnection) => new Publisher(broker),
      inject: [PUBLISHING],
    },
    {
      provide: Relay,
      useFactory: (...[database, publisher, log, events, { relay }]: RelayParts) =>
        new Relay(database, publisher, { log, events, observer: relay }),
      inject: [Database, Publisher, LOGGER, EventLog, Metrics],
    },
    {
      provide: UnitOfWork,
      useFactory: (database: Database, relay: Relay) => new UnitOfWork(database, relay),
      inject: [Database, Relay],
    },
    {
      provide: Consumers,
      useFactory: (...[discovery, broker, log, events, { consumer }]: ConsumerParts) =>
        new Consumers(discovery, broker, { log, events, observer: consumer }),
      inject: [DiscoveryService, CONSUMING, LOGGER, EventLog, Metrics],
    },
  ];
};

type ConsumerParts = [DiscoveryService, BrokerConnection, Logger, EventLog, Metrics];
type RelayParts = [Database, Publisher, Logger, EventLog, Metrics];

const observation: Provider[] = [
  Metrics,
  ServiceGauges,
  {
    provide: HealthReport,
    useFactory: (...[database, redis, publisher, consumers]: HealthParts) =>
      new HealthReport({
        required: { database: () => database.answers() },
        optional: {
          broker: () => publisher.available,
          consumers: () => consumers.consuming,
          ...(redis && { redis: () => redis.answers() }),
        },
      }),
    inject: [Database, { token: RedisCache, optional: true }, Publisher, Consumers],
  },
];

type HealthParts = [Database, RedisCache | undefined, Publisher, Consumers];

/** In the order of starting. Stopped in the reverse order: consumers finish, connections close, the relay drains. */
const PARTS_IN_ORDER = {
  database: Database,
  redis: { token: RedisCache, optional: true },
  publishing: PUBLISHING,
  relay: Relay,
  consuming: CONSUMING,
  consumers: Consumers,
  loops: BackgroundLoops,
};

const inOrder = (...parts: readonly (Part | undefined)[]): Parts =>
  Object.fromEntries(
    Object.keys(PARTS_IN_ORDER).flatMap((name, index) => {
      const part = parts[index];
      return part === undefined ? [] : [[name, part]];
    }),
  );
