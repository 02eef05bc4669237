import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

test("when things happen, then they are counted under names that Prometheus takes", async () => {
  const metrics = new Metrics();
  metrics.http.answered("/things/:id", "GET", 200, 12);
  metrics.relay.published(3);
  metrics.relay.unpublished("returned", 2);
  metrics.relay.unpublished("refused", 0);
  metrics.consumer.consumed(40, 25);
  metrics.consumer.deadLettered();
  metrics.consumer.retried();
  metrics.counter("orders_total", "Orders", ["status"]).inc({ status: "done" });
  const text = await metrics.registry.metrics();
  for (const line of [
    'http_request_seconds_bucket{le="0.025",method="GET",route="/things/:id",status="200"} 1',
    "events_published_total 3",
    'events_unpublished_total{outcome="returned"} 2',
    'event_batch_messages_bucket{le="50"} 1',
    'event_batch_seconds_bucket{le="0.025"} 1',
    "messages_dead_lettered_total 1",
    "event_batch_retries_total 1",
    'orders_total{status="done"} 1',
  ]) {
    expect(text).toContain(line);
  }
  expect(text).not.toContain("refused");
  expect(text).toContain("process_cpu_seconds_total");
});

test("when a gauge is looked at, then it is asked anew", async () => {
  const metrics = new Metrics();
  let rows = 5;
  metrics.gauge("rows", "Rows", () => rows);
  expect(await metrics.registry.metrics()).toContain("rows 5\n");
  rows = 0;
  expect(await metrics.registry.metrics()).toContain("rows 0\n");
});

test("when a gauge can't be read, then it says so and the others are there", async () => {
  const metrics = new Metrics();
  metrics.gauge("broken", "Broken", () => Promise.reject(new Error("database away")));
  metrics.gauge("whole", "Whole", () => Promise.resolve(7));
  const text = await metrics.registry.metrics();
  expect(text).toContain("broken Nan\n");
  expect(text).toContain("whole 7\n");
});

test("when two services run in one process, then each counts for itself", async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.relay.published(1);
  expect(await one.registry.metrics()).toContain("events_published_total 1");
  expect(await other.registry.metrics()).toContain("events_published_total 0");
});
