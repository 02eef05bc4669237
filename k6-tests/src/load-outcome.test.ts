import { expect, test } from "vitest";
import { heldStep, triedSteps } from "./held-rate.ts";
import { exitCodeOf } from "./load-outcome.ts";
import { recorded, withValue } from "./recorded.fixture.ts";

const search = recorded("orders-max-broken");

test("When the search stops at a rate that does not hold, then it has succeeded", () => {
  expect(exitCodeOf(search, 99)).toBe(0);
});

test("When an order was lost in the search, then it has failed all the same", () => {
  expect(exitCodeOf(withValue(search, "orders_lost", { count: 1 }), 99)).toBe(99);
});

test("When not even the first rate held, then the search has failed", () => {
  const slow = withValue(search, "http_req_duration{step:100}", { p95: 101 });
  expect(heldStep(triedSteps(slow))).toBeUndefined();
  expect(exitCodeOf(slow, 99)).toBe(99);
});

test("When the script itself failed, or it is another, then k6's code stays", () => {
  expect(exitCodeOf(search, 107)).toBe(107);
  expect(exitCodeOf(recorded("orders-k6-1"), 99)).toBe(99);
});

test.each([
  ["http_req_duration", { p95: 100 }, "p95 100 ms"],
  ["http_req_failed", { matches: 1 }, "1 failed"],
  ["order_to_done", { p95: 1200 }, "orders wait 1200 ms"],
  ["http_reqs", { count: 280 }, "not all could be sent in time"],
])("When at a rate %s is %j, then it did not hold: %s", (metric, values, why) => {
  const held = recorded("orders-max");
  expect(heldStep(triedSteps(held))?.rate).toBe(200);
  const broken = withValue(held, `${metric}{step:100}`, values);
  expect(triedSteps(broken)[0]).toMatchObject({ rate: 100, broke: [why] });
  expect(heldStep(triedSteps(broken))).toBeUndefined();
});
