import { runUntilSignal } from "@shop/service-kit/run-service";
import { readGatewayConfig } from "./config.ts";
import { startGateway } from "./gateway.ts";

await runUntilSignal(() => startGateway(readGatewayConfig(process.env)));
