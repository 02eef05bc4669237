import { runUntilSignal } from "@shop/service-kit/program";
import { readGatewayConfig } from "./config.ts";
import { startGateway } from "./gateway.ts";

await runUntilSignal(() => startGateway(readGatewayConfig(process.env)));
