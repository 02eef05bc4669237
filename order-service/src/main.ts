import { runUntilSignal } from "@shop/service-kit/run-service";
import { readOrderServiceConfig } from "./config.ts";
import { startOrderService } from "./order-service.ts";

await runUntilSignal(() => startOrderService(readOrderServiceConfig(process.env)));
