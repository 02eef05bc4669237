import { migrateByCommand } from "@shop/service-kit/database/migrate-command";
import { runServiceProgram } from "@shop/service-kit/program";
import { startService } from "@shop/service-kit/start-service";
import { AppModule, productSchema } from "./app.module.ts";
import { readProductServiceConfig } from "./config.ts";

await runServiceProgram(process.argv[2], {
  serve: () => {
    const config = readProductServiceConfig(process.env);
    return startService(AppModule.forRoot(config), config);
  },
  migrate: () => migrateByCommand("product-service", productSchema, process.env),
});
