import { expect, test } from "vitest";
import { EVENTS, type EventType } from "./event.ts";
import { originOf, SERVICE_NAMES, SERVICES, serviceOf, type Service } from "./services.ts";
import { PRODUCT_TYPES, WORK_QUEUES, WORK_TYPES } from "./topology.ts";

const types = Object.keys(EVENTS) as EventType[];
const services: Service[] = SERVICE_NAMES.map((name) => SERVICES[name]);

test.each(types)("%s is published by exactly one service", (type) => {
  const publishers = SERVICE_NAMES.filter((name) => type in SERVICES[name].publishes);
  expect(publishers).toEqual([originOf(type).from]);
});

test("every event is consumed, or is declared as one that is not yet", () => {
  const consumed = new Set<string>([...WORK_TYPES, ...services.flatMap(({ hints = [] }) => hints)]);
  const declared = services.flatMap(({ unconsumed = [] }) => unconsumed);
  expect(types.filter((type) => !consumed.has(type))).toEqual(declared);
});

test("each service has a port, a variable and a database of its own", () => {
  for (const key of ["port", "urlsVariable", "database"] as const) {
    expect(new Set(services.map((service) => service[key])).size).toBe(services.length);
  }
});

test("a service calls services that there are", () => {
  const called = services.flatMap(({ calls = [] }) => calls);
  expect(called.filter((name) => serviceOf(name) === undefined)).toEqual([]);
});

test("a service has one work queue for each type that it consumes", () => {
  for (const name of SERVICE_NAMES) {
    const own = WORK_QUEUES.filter(({ consumer }) => consumer === name);
    expect(own.flatMap((queue) => queue.types)).toEqual(SERVICES[name].consumes);
  }
});

test("product events are hints", () => {
  expect(PRODUCT_TYPES.filter((type) => WORK_TYPES.has(type))).toEqual([]);
});
