import { expect, test } from "vitest";
import { brokerPermissions } from "./broker-permissions.ts";

test("a service publishes its own events and consumes its own queues, and nothing else", () => {
  const { configure, write, read, topics } = brokerPermissions("product-service");
  for (const pattern of [configure, write, read]) {
    const may = (name: string): boolean => new RegExp(pattern).test(name);
    expect(may("product-service.order-created")).toBe(true);
    // An exchange that could be deleted, or declared with another type, would have no topics to check.
    expect(["shop.events", "shop.dead"].map(may)).toEqual(
      pattern === configure ? [false, false] : [true, true],
    );
    const others = ["order-service.products.1", "amq.default", "", "amq.topic", "shopXevents"];
    expect(others.filter(may)).toEqual([]);
    // Where its own events go, it may see how many wait.
    expect(may("order-service.order-updated")).toBe(pattern === write);
    expect(may("order-service.order-updated.dead")).toBe(false);
  }
  const [events, dead] = topics.map((topic) => ({
    exchange: topic.exchange,
    mayWrite: (key: string) => new RegExp(topic.write).test(key),
    mayRead: (key: string) => new RegExp(topic.read).test(key),
  }));
  expect(events!.exchange).toBe("shop.events");
  expect(["order.updated", "product.deleted"].filter(events!.mayWrite)).toHaveLength(2);
  expect(["order.created", "", "order.updated.x"].filter(events!.mayWrite)).toEqual([]);
  expect(events!.mayRead("order.created")).toBe(true);
  expect(["order.updated", "product.created", "#", "*"].filter(events!.mayRead)).toEqual([]);
  expect(dead!.exchange).toBe("shop.dead");
  expect(dead!.mayWrite("product-service.order-created.dead")).toBe(false);
  expect(dead!.mayRead("product-service.order-created.dead")).toBe(true);
  expect(dead!.mayRead("order-service.order-updated.dead")).toBe(false);
});

test("order-service reads product events and outcomes, and publishes orders alone", () => {
  const [events] = brokerPermissions("order-service").topics;
  expect(events).toEqual({
    exchange: "shop.events",
    write: "^(order[.]created)$",
    read: "^(order[.]updated|product[.]created|product[.]updated|product[.]deleted)$",
  });
});
