import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, expectTypeOf, test } from "vitest";
import { EVENT_VERSION, EVENTS, type EventData, type EventOf, type EventType } from "./event.ts";
import type { Order } from "./order.ts";
import type { Product } from "./product.ts";
import { originOf, SERVICE_NAMES } from "./services.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/** `order.created.v1.json`, or `order.updated.v1.rejected.json` where one sample does not show all of it. */
const SAMPLE_NAME = /^(?<type>[a-z]+\.[a-z]+)\.v(?<version>\d+)(\.[a-z]+)?\.json$/;

/** A service keeps the samples of what it publishes. */
const samples = SERVICE_NAMES.flatMap((service) => {
  const folder = join(CHECKOUT, service, "event-samples");
  return readdirSync(folder).map((file) => {
    const { type, version } = SAMPLE_NAME.exec(file)?.groups ?? {};
    const content: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"));
    return { service, file, type: type as EventType, version: Number(version), content };
  });
});

const sampleOf = <T extends EventType>(type: T): EventOf<T> =>
  samples.find((sample) => sample.type === type)!.content as EventOf<T>;

const types = Object.keys(EVENTS) as EventType[];

describe("the samples of events that have ever been on the wire", () => {
  test.each(samples)("$file is still taken, and nothing of it is lost", (sample) => {
    const { data, ...envelope } = EVENTS[sample.type].parse(sample.content);
    expect(envelope).toMatchObject({ type: sample.type, version: sample.version });
    expect(sample.content).toMatchObject({ ...envelope, data });
  });

  test.each(types)("%s has a sample of every version up to today's", (type) => {
    const versions = samples.filter((sample) => sample.type === type).map((s) => s.version);
    for (let version = 1; version <= EVENT_VERSION; version += 1) {
      expect(versions).toContain(version);
    }
  });

  test.each(samples)("$file is kept by the service that publishes it", ({ service, type }) => {
    expect(service).toBe(originOf(type).from);
  });

  test("one of them is of a version to come, and its unknown fields are dropped", () => {
    const future = samples.find(({ version }) => version > EVENT_VERSION)!;
    const parsed = EVENTS[future.type].parse(future.content);
    expect(future.content).toMatchObject({ data: { currency: "EUR" }, source: "order-service" });
    expect(parsed).not.toHaveProperty("source");
    expect(parsed.data).not.toHaveProperty("currency");
  });
});

describe("the envelope of an event", () => {
  const created = sampleOf("order.created");

  test.each([
    { id: "1" },
    { id: undefined },
    { type: "order.updated" },
    { version: 0 },
    { version: "1" },
    { occurredAt: "2026-11-20" },
    { requestId: "" },
    { requestId: "a\nb" },
    { requestId: undefined },
    { data: null },
    { data: {} },
  ])("when it has %j, then it is refused", (wrong) => {
    expect(EVENTS["order.created"].safeParse({ ...created, ...wrong }).success).toBe(false);
  });

  test.each([null, [], "text", 5, true])(
    "when the content is %j, then it is refused",
    (content) => {
      for (const type of types) expect(EVENTS[type].safeParse(content).success).toBe(false);
    },
  );
});

describe("order.updated", () => {
  const updated = sampleOf("order.updated");
  const withData = (data: object) =>
    EVENTS["order.updated"].safeParse({ ...updated, data: { ...updated.data, ...data } }).success;

  test.each([
    { status: "done", reason: null },
    { status: "rejected", reason: "OUT_OF_STOCK" },
    { status: "rejected", reason: "PRODUCT_NOT_FOUND" },
  ])("when it says %j, then it is taken", (data) => {
    expect(withData(data)).toBe(true);
  });

  test.each([
    { status: "done", reason: "OUT_OF_STOCK" },
    { status: "rejected", reason: null },
    { status: "pending", reason: null },
    { status: "rejected", reason: "BAD_WEATHER" },
    { orderId: "1" },
    { decidedAt: null },
  ])("when it says %j, then it is refused", (data) => {
    expect(withData(data)).toBe(false);
  });
});

test("the types are those of the schemas", () => {
  expectTypeOf<"order.created">().toExtend<EventType>();
  expectTypeOf<"order.lost">().not.toExtend<EventType>();
  expectTypeOf<EventOf<"order.created">["type"]>().toEqualTypeOf<"order.created">();
  expectTypeOf<EventData<"order.created">>().toEqualTypeOf<Order>();
  expectTypeOf<EventData<"product.created">>().toEqualTypeOf<Product>();
  expectTypeOf<EventData<"product.deleted">>().toEqualTypeOf<{ id: number; version: number }>();
  expectTypeOf<EventData<"order.updated">["status"]>().toEqualTypeOf<"done" | "rejected">();
});
