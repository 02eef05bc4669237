import { runUntilSignal } from "@shop/service-kit/run-service";
import { readProductServiceConfig } from "./config.ts";
import { startProductService } from "./product-service.ts";

await runUntilSignal(() => startProductService(readProductServiceConfig(process.env)));
