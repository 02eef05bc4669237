import { migrateByCommand } from "@shop/service-kit/database/migrate-command";
import { runServiceProgram } from "@shop/service-kit/run-service";
import { readProductServiceConfig } from "./config.ts";
import { productSchema, startProductService } from "./product-service.ts";

await runServiceProgram(process.argv[2], {
  serve: () => startProductService(readProductServiceConfig(process.env)),
  migrate: () => migrateByCommand("product-service", productSchema, process.env),
});
