import { Controller, Get, Header, Res } from "@nestjs/common";
import type { FastifyReply } from "fastify";
import { HealthReport } from "./health.ts";
import { Metrics } from "./metrics.ts";

/** For orchestrators and Prometheus; the gateway routes none of it. */
@Controller()
export class OperationsController {
  constructor(
    private readonly health: HealthReport,
    private readonly metrics: Metrics,
  ) {}

  @Get("health/live")
  live(): { status: "ok" } {
    return { status: "ok" };
  }

  @Get("health/ready")
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const health = await this.health.read();
    const ready = health.status === "ok" || health.status === "degraded";
    await reply.status(ready ? 200 : 503).send(health);
  }

  @Get("metrics")
  @Header("content-type", "text/plain; version=0.0.4; charset=utf-8")
  read(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
