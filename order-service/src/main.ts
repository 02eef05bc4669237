import { migrateByCommand } from "@shop/service-kit/database/migrate-command";
import { runServiceProgram } from "@shop/service-kit/run-service";
import { readOrderServiceConfig } from "./config.ts";
import { orderSchema, startOrderService } from "./order-service.ts";

await runServiceProgram(process.argv[2], {
  serve: () => startOrderService(readOrderServiceConfig(process.env)),
  migrate: () => migrateByCommand("order-service", orderSchema, process.env),
});
