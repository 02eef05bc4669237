import { migrateByCommand } from "@shop/service-kit/database/migrate-command";
import { runServiceProgram } from "@shop/service-kit/program";
import { startService } from "@shop/service-kit/start-service";
import { AppModule, orderSchema } from "./app.module.ts";
import { readOrderServiceConfig } from "./config.ts";

await runServiceProgram(process.argv[2], {
  serve: () => {
    const config = readOrderServiceConfig(process.env);
    return startService(AppModule.forRoot(config), config);
  },
  migrate: () => migrateByCommand("order-service", orderSchema, process.env),
});
