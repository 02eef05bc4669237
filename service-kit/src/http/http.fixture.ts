import { Module, type DynamicModule } from "@nestjs/common";
import { APP_FILTER, APP_PIPE } from "@nestjs/core";
import { LOGGER, type Logger } from "../log/logger.ts";
import { Lifecycle, PARTS, type Parts } from "../lifecycle.ts";
import { HealthReport } from "../observe/health.ts";
import { Metrics } from "../observe/metrics.ts";
import { OperationsController } from "../observe/operations.controller.ts";
import { ContractErrorFilter } from "./contract-error.filter.ts";
import { ContractValidationPipe } from "./contract-validation.pipe.ts";
import { INTERNAL_TOKEN } from "./internal-callers.ts";

@Module({})
class HttpModule {}

/** What requests need of the kit, without servers behind it. */
export const httpModule = (
  log: Logger,
  { token = null, parts = {} }: { token?: string | null; parts?: Parts } = {},
): DynamicModule => ({
  module: HttpModule,
  global: true,
  controllers: [OperationsController],
  providers: [
    Lifecycle,
    Metrics,
    { provide: LOGGER, useValue: log },
    { provide: PARTS, useValue: parts },
    { provide: HealthReport, useValue: new HealthReport({ required: {}, optional: {} }) },
    { provide: INTERNAL_TOKEN, useValue: token },
    { provide: APP_PIPE, useClass: ContractValidationPipe },
    { provide: APP_FILTER, useClass: ContractErrorFilter },
  ],
  exports: [LOGGER, Metrics],
});
