import { describe, expect, test } from "vitest";
import { HealthReport } from "./health.ts";

const yes = () => true;
const no = () => Promise.resolve(false);

describe("health", () => {
  test("when all is well, then it is ok", async () => {
    const report = new HealthReport({ required: { database: yes }, optional: { broker: yes } });
    expect(await report.read()).toEqual({
      status: "ok",
      checks: { database: "ok", broker: "ok" },
    });
  });

  test("when something optional is away, then it is degraded and says what", async () => {
    const optional = { broker: no, redis: yes };
    const report = new HealthReport({ required: { database: yes }, optional });
    expect(await report.read()).toEqual({
      status: "degraded",
      checks: { database: "ok", broker: "degraded", redis: "ok" },
    });
  });

  test("when something required is away, then it is down, whatever else is", async () => {
    const report = new HealthReport({ required: { database: no }, optional: { broker: no } });
    expect(await report.read()).toEqual({
      status: "down",
      checks: { database: "down", broker: "degraded" },
    });
  });

  test("when the service stops, then it is stopping although all is well", async () => {
    const report = new HealthReport({ required: { database: yes }, optional: {} });
    expect(report.isStopping).toBe(false);
    report.markStopping();
    expect(report.isStopping).toBe(true);
    expect(await report.read()).toEqual({ status: "stopping", checks: { database: "ok" } });
  });
});
