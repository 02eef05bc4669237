import { Module, type DynamicModule } from "@nestjs/common";
import { RedisCache } from "./cache/redis-cache.ts";
import { Database } from "./database/database.ts";
import { LOGGER } from "./log/logger.ts";
import { HealthReport } from "./observe/health.ts";
import { Metrics } from "./observe/metrics.ts";
import { OperationsController } from "./observe/operations.controller.ts";
import { UnitOfWork } from "./outbox/unit-of-work.ts";
import type { ServiceKit } from "./service-kit.ts";

/** The kit's parts for injection by their class, in every module of the service. */
@Module({})
export class KitModule {
  static with({ log, database, redis, work, health, metrics }: ServiceKit): DynamicModule {
    const providers = [
      { provide: LOGGER, useValue: log },
      { provide: Database, useValue: database },
      { provide: RedisCache, useValue: redis },
      { provide: UnitOfWork, useValue: work },
      { provide: HealthReport, useValue: health },
      { provide: Metrics, useValue: metrics },
    ];
    return {
      module: KitModule,
      global: true,
      controllers: [OperationsController],
      providers,
      exports: providers,
    };
  }
}
