import { describe, expect, test } from "vitest";
import { booksAreRight, lineOf } from "./load-line.ts";
import { recorded, withValue } from "./recorded.fixture.ts";

test("When k6 1 has run orders, then the line tells speed, settlement and books", () => {
  expect(lineOf(recorded("orders-k6-1"))).toBe(
    "orders: 50/s for 4 s · p50 2.6 ms p95 5.0 ms p99 7.6 ms · 0 failed, 0 dropped" +
      " · order to done p50 13 ms p95 18 ms · drained in 0.02 s · stock adds up",
  );
});

test("When k6 2 has run them, then the line is the same without the p99 that it keeps to itself", () => {
  expect(lineOf(recorded("orders-k6-2"))).toBe(
    "orders: 50/s for 4 s · p50 4.8 ms p95 25 ms · 0 failed, 0 dropped" +
      " · order to done p50 22 ms p95 96 ms · drained in 0.01 s · stock adds up",
  );
});

test("When smoke has run, then the line tells the checks", () => {
  expect(lineOf(recorded("smoke-k6-1"))).toMatch(/^smoke: 0 checks failed · p50 1\.7 ms/);
  const broken = withValue(recorded("smoke-k6-1"), "checks_failed", { matches: 2 });
  expect(lineOf(broken)).toContain("2 checks failed");
});

test("When the search has met a rate that does not hold, then the line tells both rates and why", () => {
  expect(lineOf(recorded("orders-max-broken"))).toMatch(
    /^orders-max: 100\/s held for 5 s with p95 21 ms · 5,000\/s did not: p95 652 ms · .* · 142 orders cut off by the stop · stock adds up$/,
  );
});

test("When the search has met none, then the line says that nothing higher was tried", () => {
  expect(lineOf(recorded("orders-max"))).toContain(
    "200/s held for 5 s with p95 55 ms, and nothing",
  );
});

test("When not even the products could be made, then the line has no figures", () => {
  const unsent = withValue(recorded("orders-k6-1"), "iterations", { count: 0 });
  expect(lineOf(unsent)).toBe("orders: nothing was sent");
});

test("When requests fail or can't be sent, then the line counts them", () => {
  const failing = withValue(recorded("orders-k6-1"), "http_req_failed{load:yes}", { matches: 7 });
  const dropping = withValue(failing, "dropped_iterations{scenario:orders}", { count: 1500 });
  expect(lineOf(dropping)).toContain("7 failed, 1,500 dropped");
});

describe("the books", () => {
  const run = recorded("orders-k6-1");

  test("are right in a real run", () => {
    expect(booksAreRight(run)).toBe(true);
  });

  test.each([
    ["orders_lost", "3 ORDERS LOST"],
    ["orders_surplus", "3 ORDERS THAT NOBODY SENT"],
    ["orders_rejected", "3 ORDERS REJECTED"],
    ["pending_left", "3 ORDERS STILL PENDING"],
    ["stock_mismatch", "3 PRODUCTS WHOSE STOCK DOES NOT ADD UP"],
  ])("When %s is above 0, then they are not, and the line shouts", (metric, words) => {
    const wrong = withValue(run, metric, { count: 3 });
    expect(booksAreRight(wrong)).toBe(false);
    expect(lineOf(wrong)).toContain(words);
    expect(lineOf(wrong)).not.toContain("stock adds up");
  });

  test("When nobody has looked at them, then the line does not call them right", () => {
    const unseen = withValue(run, "products_checked", {});
    expect(booksAreRight(unseen)).toBe(false);
    expect(lineOf(unseen)).toContain("BOOKS NOT CHECKED");
  });

  test("When orders had no answer, then they are counted and are no error", () => {
    const lost = withValue(run, "orders_lost", { count: -2 });
    const record = withValue(lost, "orders_surplus", { count: -3 });
    expect(booksAreRight(record)).toBe(true);
    expect(lineOf(record)).toContain("5 orders without an answer · stock adds up");
  });
});
